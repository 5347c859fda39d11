/*
 * Runs in the watched page before any of its own scripts, and remembers what cannot be asked for
 * afterwards: script tags that were there, which of them failed, and what the page's policy
 * blocked. look() tells the rest as it stands. It shows itself by a symbol alone, so that the
 * page's own scripts do not meet it.
 */
(() => {
  const SNIPPET = /\/v1\/snippet(\.[\w-]+)?\.js$/;
  const JAVASCRIPT = /^(|module|(text|application)\/(x-)?(java|ecma)script)$/i;
  const MOST = 100;
  const scripts = new Set();
  const failed = new WeakSet();
  const violations = [];
  let called = 0;
  let asked = false;

  const isScript = (node) => node instanceof HTMLScriptElement;

  // Asks the snippet to load its second file, which tells what it saw.
  window.csqDebuggerEnabled = true;

  addEventListener("securitypolicyviolation", (event) => {
    if (event.disposition !== "enforce" || violations.length >= MOST) return;
    violations.push({
      directive: event.effectiveDirective,
      address: event.blockedURI,
      source: event.sourceFile,
      policy: event.originalPolicy,
    });
  });

  // An element's error does not bubble, but can be caught on its way down.
  addEventListener("error", ({ target }) => isScript(target) && failed.add(target), true);

  // A tag manager may take its script element away as soon as it has loaded.
  const remember = (node) => {
    if (isScript(node)) scripts.add(node);
    else node.querySelectorAll?.("script").forEach((script) => scripts.add(script));
  };
  new MutationObserver((changes) => {
    for (const change of changes) change.addedNodes.forEach(remember);
  }).observe(document, { childList: true, subtree: true });

  // A consent tool keeps the address in another attribute, or the type at text/plain.
  function snippetAttribute(script) {
    return [...script.attributes].find(({ value }) => {
      try {
        return SNIPPET.test(new URL(value, document.baseURI).pathname);
      } catch {
        return false;
      }
    });
  }

  function describe(script) {
    const attribute = snippetAttribute(script);
    return (
      attribute && {
        address: new URL(attribute.value, document.baseURI).href,
        held: attribute.name !== "src" || !JAVASCRIPT.test(script.type),
        failed: failed.has(script),
        integrity: script.hasAttribute("integrity"),
        crossorigin: script.hasAttribute("crossorigin"),
        requiresConsent: script.hasAttribute("data-require-consent"),
        ignoresGpc: script.getAttribute("data-gpc") === "ignore",
      }
    );
  }

  // Before the tag, the page or the snippet has made a plain array of it, or nobody has.
  function tagIsThere() {
    const queue = window._uxa;
    return (
      typeof queue?.push === "function" &&
      !(Array.isArray(queue) && queue.push === Array.prototype.push)
    );
  }

  // What the page has replaced may throw; then the answer is the one for what is missing.
  function quietly(ask, otherwise) {
    try {
      return ask() ?? otherwise;
    } catch {
      return otherwise;
    }
  }

  function look() {
    quietly(() => remember(document));
    const tag = quietly(tagIsThere, false);
    if (tag && !asked) {
      asked = true;
      quietly(() => window._uxa.push(["afterPageView", () => (called += 1)]));
    }
    return {
      scripts: quietly(() => [...scripts].map(describe).filter(Boolean), []),
      violations,
      live: quietly(() => Boolean(window.sessionCollector.live), false),
      tag,
      called,
      gpc: quietly(() => navigator.globalPrivacyControl === true, false),
      seen: quietly(() => JSON.parse(JSON.stringify(window.sessionCollector.seen)), null),
    };
  }

  Object.defineProperty(window, Symbol.for("collector verify"), { value: look });
})();
