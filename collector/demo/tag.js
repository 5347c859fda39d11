/*
 * A stand-in for Contentsquare's tag, for the demo and the tests. It does what the documents and
 * published integrations show of the real one, as far as the snippet can see it:
 *
 *   - It may load late: commands pushed on window._uxa before are then taken over, and window._uxa
 *     becomes an object of its own whose push runs at once.
 *   - ["afterPageView", callback]: called after every page view; at once if one has been already.
 *   - ["trackPageview", path]: an artificial page view, as a single-page site sends it.
 *   - ["logSnippetError", name, error]: kept in CS_STANDIN.errors.
 *   - The user is known for 13 months, a session lasts 30 minutes from its last page view, both
 *     in cookies of the page's origin; the session number counts the user's sessions.
 *
 * The page says which project it is by window.CS_CONF = { projectId: 162 }. A test may say more in
 * the script's address: tag.js?projectId=162&userId=ae267-6g87D-88Nn6od&sessionNumber=4.
 *
 * window.CS_STANDIN shows what it knows: context, pageViews, errors; rollOver() ends the session,
 * so that the next page view starts another; callBack(context) calls back with any context.
 */
(() => {
  const HALF_HOUR = 30 * 60 * 1000;
  const THIRTEEN_MONTHS = 395 * 24 * 60 * 60;
  const USER_COOKIE = "_cs_id"; // userId.number of the newest session
  const SESSION_COOKIE = "_cs_s"; // page views.time of the last one

  const settings = new URL(document.currentScript?.src || location.href).searchParams;
  const queued = window._uxa;
  const configuration = (window.CS_CONF ??= {});
  const callbacks = [];
  const remembered = {}; // what the cookies hold, for a browser that keeps none
  const standIn = { context: null, pageViews: [], errors: [], rollOver, callBack };

  function read(name) {
    const cookie = document.cookie.split("; ").find((text) => text.startsWith(`${name}=`));
    return cookie ? cookie.slice(name.length + 1) : remembered[name];
  }

  function write(name, value, seconds) {
    remembered[name] = value;
    document.cookie = `${name}=${value}; path=/; max-age=${seconds}; samesite=lax`;
  }

  function splitAtLastDot(text) {
    const dot = text.lastIndexOf(".");
    return [text.slice(0, dot), Number(text.slice(dot + 1))];
  }

  // randomUUID exists on secure origins only, and a demo shop on a phone may not be one.
  function newUserId() {
    const digits = [...crypto.getRandomValues(new Uint8Array(16))]
      .map((byte) => byte.toString(16).padStart(2, "0"))
      .join("");
    return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  }

  function knownUser() {
    const kept = read(USER_COOKIE);
    if (kept) return splitAtLastDot(kept);
    return [settings.get("userId") || newUserId(), Number(settings.get("sessionNumber") || 1) - 1];
  }

  function nextPage() {
    let [userId, sessionNumber] = knownUser();
    let [pages, lastView] = (read(SESSION_COOKIE) || "0.0").split(".").map(Number);
    if (Date.now() - lastView > HALF_HOUR) {
      sessionNumber += 1;
      pages = 0;
    }
    write(USER_COOKIE, `${userId}.${sessionNumber}`, THIRTEEN_MONTHS);
    write(SESSION_COOKIE, `${pages + 1}.${Date.now()}`, HALF_HOUR / 1000);
    return {
      projectId: configuration.projectId ?? Number(settings.get("projectId")),
      sessionKey: `${userId}.${sessionNumber}`,
      pageNumber: pages + 1,
    };
  }

  function callBack(context) {
    for (const callback of callbacks) call(callback, context);
  }

  // A callback's error is the page's to see, but must not keep the others from being called.
  function call(callback, context) {
    try {
      callback(context);
    } catch (error) {
      reportError(error);
    }
  }

  function view(path) {
    standIn.context = nextPage();
    standIn.pageViews.push({ path, ...standIn.context });
    callBack(standIn.context);
  }

  function rollOver() {
    write(SESSION_COOKIE, "0.0", 0);
  }

  const commands = {
    afterPageView(callback) {
      callbacks.push(callback);
      if (standIn.context) call(callback, standIn.context);
    },
    trackPageview: view,
    logSnippetError(name, error) {
      standIn.errors.push({ name, error: String(error) });
    },
  };

  function push(...added) {
    for (const [command, ...values] of added) commands[command]?.(...values);
  }

  window.CS_STANDIN = standIn;
  window._uxa = { push };
  view(location.pathname);
  push(...(Array.isArray(queued) ? queued : []));
})();
