/*
 * The page's part of the collector: it tells the server which Contentsquare session this page
 * belongs to, and which keys (a visitor id, a phone number on show) the provider knows it by.
 *
 *   <script async src="https://host/v1/snippet.js" data-key-visitor_id="cookie:NAME"></script>
 *
 * It runs on strangers' sites, so it is
 *
 *   harmless  All of it runs in try/catch. Nothing is global but its command queue. No cookie, no
 *             storage, no dependency, no inline code; what other scripts replaced (fetch, _uxa)
 *             is looked up when it is used, and may be broken.
 *   true      A beacon tells what holds on the page now. One that failed is not kept for later:
 *             the server dates a beacon by its arrival, so a late one would claim that a number is
 *             on show that no longer is. The next page view tells the state of then.
 *   quiet     One request per (session, keys); again when either changes, and, so that the
 *             session's last-seen time stays true, on a page view after five minutes.
 *   private   Nothing is read or sent before there is a session and nothing forbids it: Global
 *             Privacy Control (unless data-gpc="ignore"), "optOut", or, with
 *             data-require-consent, the lack of ["consent", true].
 *   small     At most 800 bytes after gzip -9n, which a test holds. That is why `let` stands where
 *             `const` would do (one keyword compresses better), why sessions and keys are not
 *             checked (the server does, leaves out single keys that are bad, and tells the
 *             provider), and why the order of what has no order (members, conditions,
 *             declarations) is the one that compresses best.
 *
 * What the page may say, on a queue, before or after this script has loaded: collector.d.ts.
 *
 *   window.sessionCollector = window.sessionCollector || [];
 *   sessionCollector.push(["set", { visitor_id: "…", tracking_number: "+33 1 …" }]);
 *
 * Syntax and functions are those of 2020 (ES2021) and later. build.py makes collector.min.js.
 */
try {
  let queue = (self.sessionCollector ||= []);

  // The queue itself carries the mark, so that a script that is loaded twice works once.
  if (!queue.live) {
    let stale; // when `sent` was sent; 0 when the next page view is to send it again
    let session; // what the newest page view told; with the keys, it is the body
    let sent; // the newest body
    // Must be asked now: it is null once this script has run, and always where a tag manager
    // evaluates the code, or an element without address where it is inline. The page gives the
    // address by the "endpoint" command then.
    let script = document.currentScript || {};

    // The last value of each command, and the script's data- attributes, of which "endpoint" may
    // be one as well. And how the sources of data-key attributes are read: each throws, or tells
    // undefined, where nothing is found.
    let state = {
      endpoint: "sessions",
      meta: (name) => document.head.children[name].content,
      text: (selector) => document.querySelector(selector).textContent,
      cookie: (name) => ("; " + document.cookie).split("; " + name + "=")[1].split(";")[0],
      js: (path) => path.split(".").reduce((value, name) => value[name], self),
      ...script.dataset,
    };

    // Runs at each command and page view, and each second, because a number or a cookie may come
    // late and nothing tells of it. A tick has no task.
    let run = async (task) => {
      let answer, url;
      try {
        try {
          let [command, value] = task || " ";
          state[command] = command == "set" ? { ...state.set, ...value } : value ?? 1;
          state.optOut &&= command != "optIn";

          // A page view of Contentsquare's tag, natural or artificial.
          if (value?.sessionKey) {
            session = { sessionKey: value.sessionKey, projectId: value.projectId };
            if (new Date() - stale > 3e5) sent = 0;
          }

          // What one script says in one go becomes one request: the first to wake up here sends,
          // the others find it sent. A timer would gather more, but lose what a page says last.
          await 0;

          // Throws where no address is known; `answer` is undefined by now, where "" would not do.
          url = new URL(state.endpoint, script.src || answer);

          if (
            session &&
            !state.optOut &&
            true === (state.consent ?? state.requireConsent == null)
          ) {
            // The browser has changed data-key-visitor_id into keyVisitor_id.
            let keys = {};
            for (let name in script.dataset)
              try {
                let [source, place] = state[name].split(/:(.*)/);
                keys[name.slice(3).toLowerCase()] = state[source](place).toString();
              } catch {}

            // What was set goes before what an attribute finds.
            let body = JSON.stringify({ ...session, keys: { ...keys, ...state.set } });
            if (body != sent) {
              sent = body;
              stale = new Date();

              // A string goes out as text/plain: with that and without credentials, the browser
              // asks no preflight and shows no cookie. keepalive outlives the page.
              try {
                answer = fetch(url, { credentials: "omit", method: "post", keepalive: 1, body });
              } catch {
                // fetch is missing, or was replaced by something that throws. Where the browser
                // does not take the beacon either, null makes the next line throw.
                answer = navigator.sendBeacon(url, body) || null;
              }

              // Only what may go better next time is sent again: 429 and the server's own errors.
              if ((answer = await answer).status > 428) stale = 0;
            }
          }
        } catch (error) {
          // A request that failed is sent again, but told to nobody: no code is to blame. What
          // went wrong in the code is told as Contentsquare's own integrations do, but not what
          // a tick finds again each second.
          if (answer !== undefined) stale = 0;
          answer || (task && _uxa.push(["logSnippetError", "sessionCollector", (answer = error)]));
        }

        // The switches are those of Contentsquare's own integrations. Only the page itself may
        // switch it on where it has pinned this script by its integrity: what is imported is not
        // pinned, and anybody can write an address. See collector.debug.js.
        if (
          self.csqDebuggerEnabled ||
          (!script.integrity && /csqDebuggerEnabled/.test(location))
        )
          (await import(url)).push(state, answer, session);
      } catch {}
    };

    // First the tag, then the page: even with a broken queue, the session is told. The tag is not
    // even listened to where the visitor's browser asks so.
    (navigator.globalPrivacyControl && !state.gpc) ||
      (self._uxa ||= []).push(["afterPageView", (context) => run(["view", context])]);
    queue.map(run);
    queue.live = queue.push = (...added) => added.map(run);
    setInterval(run, 1e3);
  }
} catch {}
