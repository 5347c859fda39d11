/*
 * What the shop's own developers would write: keys for the snippet, a page view for the tab, and
 * a box that shows the person who tries the demo what is going on.
 */
(() => {
  const TAG_DELAY = 400; // milliseconds: the real tag, too, comes after the page

  const { projectId, visitorId, trackingNumber } = document.currentScript.dataset;
  const show = (id, text) => {
    document.getElementById(id).textContent = text;
  };

  window.CS_CONF = { projectId: Number(projectId) };
  window._uxa = window._uxa || [];
  window.sessionCollector = window.sessionCollector || [];
  sessionCollector.push(["set", { visitor_id: visitorId, tracking_number: trackingNumber }]);

  const loadTag = () => {
    const tag = document.createElement("script");
    tag.async = true;
    tag.src = "/tag.js";
    document.head.append(tag);
  };

  const watchBeacons = () => {
    let beacons = 0;
    new PerformanceObserver((list) => {
      beacons += list.getEntries().filter((entry) => entry.name.endsWith("/v1/sessions")).length;
      show("seen-beacons", beacons);
    }).observe({ type: "resource", buffered: true });
  };

  const selectTab = (tab) => {
    for (const other of document.querySelectorAll("[role=tab]")) {
      const selected = other === tab;
      other.setAttribute("aria-selected", String(selected));
      document.getElementById(other.getAttribute("aria-controls")).hidden = !selected;
    }
    window._uxa.push(["trackPageview", tab.dataset.path]);
  };

  document.addEventListener("DOMContentLoaded", () => {
    watchBeacons();
    window._uxa.push([
      "afterPageView",
      (context) => {
        show("seen-session", context.sessionKey);
        show("seen-page", context.pageNumber);
      },
    ]);
    for (const tab of document.querySelectorAll("[role=tab]"))
      tab.addEventListener("click", () => selectTab(tab));
    setTimeout(loadTag, TAG_DELAY);
  });
})();
