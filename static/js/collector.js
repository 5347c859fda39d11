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
 *   private   Nothing is sent under Global Privacy Control (unless data-gpc="ignore"), after
 *             "optOut", or, with data-require-consent, before ["consent", true].
 *   small     At most 800 bytes after gzip -9, which a test holds. That is why `let` stands where
 *             `const` would do (one keyword compresses better), why values are not checked (the
 *             server leaves out single keys that are bad), and why the order of what has no order
 *             (members, conditions, declarations) is the one that compresses best.
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
    let sent; // the newest body
    // Must be asked now: it is null once this script has run, and always where a tag manager
    // evaluates the code. The page gives the address by the "endpoint" command then.
    let script = document.currentScript || {};
    let session; // what the newest page view told; with the keys, it is the body
    let stale; // when `sent` was sent; 0 when the next page view is to send it again

    // Whatever decides what is sent: the script's data- attributes, and each command's last value
    // under the command's second letter, which tells them apart:
    //   e  set: all values that were set      o  consent      n  endpoint, relative to the script
    //   p  "optOut" or "optIn", whichever was last
    // And how the sources of data-key attributes are read. They throw where nothing is found.
    let state = {
      cookie: (name) => document.cookie.match(`(^|; )${name}=([^;]*)`)[2],
      meta: (name) => document.head.children[name].content,
      n: "sessions",
      js: (path) => path.split(".").reduce((value, name) => value[name], self),
      text: (selector) => document.querySelector(selector).textContent,
      ...script.dataset,
    };

    // Runs at each command and page view, and each second, because a number or a cookie may come
    // late and nothing tells of it. A tick has no task.
    let run = async (task) => {
      let answer;
      try {
        try {
          let [command, value] = task || " ";
          state[command[1]] =
            command == "set" ? { ...state.e, ...value } : command < "o" ? value : command;

          if (value?.sessionKey) {
            // A user id may hold dots: the session number is what follows the last one.
            let [userId, sessionNumber] = value.sessionKey.split(/\.(?=\d+$)/);
            session = { userId, projectId: value.projectId, sessionNumber: +sessionNumber };
            if (new Date() - stale > 3e5) sent = 0;
          }

          // What one script says in one go becomes one request: the first to wake up here sends,
          // the others find it sent. A timer would gather more, but lose what a page says last.
          await 0;

          // An attribute goes before what was set for the same kind. The browser has changed
          // data-key-visitor_id into keyVisitor_id.
          let keys = { ...state.e };
          for (let name in state)
            try {
              let [source, place] = state[name].split(/:(.*)/);
              keys[name.slice(3).toLowerCase()] = state[source](place).toString();
            } catch {}

          let body = JSON.stringify({ ...session, keys });
          if (
            !state.p?.[5] && // "optOut" has a sixth letter
            body != sent &&
            session &&
            (state.o ?? state.requireConsent == null)
          ) {
            let url = new URL(state.n, script.src);
            sent = body;
            stale = new Date();

            // A string goes out as text/plain: with that and without credentials, the browser
            // asks no preflight and shows no cookie. keepalive outlives the page.
            try {
              answer = fetch(url, { credentials: "omit", method: "post", body, keepalive: 1 });
            } catch {
              // fetch is missing, or was replaced by something that throws. Where the browser
              // does not take the beacon either, null makes the next line throw.
              answer = navigator.sendBeacon(url, body) || null;
            }

            // Only what may go better next time is sent again: 429 and the server's own errors.
            if ((answer = await answer).status > 428) stale = 0;
          }
        } catch (error) {
          // As Contentsquare's own integrations tell it. Not a failed request, for which nobody's
          // code is to blame, and not what a tick finds again each second.
          stale = 0;
          answer || (task && _uxa.push(["logSnippetError", "sessionCollector", (answer = error)]));
        }

        // The switches are those of Contentsquare's own integrations. See collector.debug.js.
        if (self.csqDebuggerEnabled || /csqDebuggerEnabled/.test(location))
          (await import(new URL("debug", script.src))).push(state, answer, session);
      } catch {}
    };

    // First the tag, then the page: even with a broken queue, the session is told. Not even heard
    // of where the visitor's browser asks so.
    (navigator.globalPrivacyControl && !state.gpc) ||
      (self._uxa ||= []).push(["afterPageView", (context) => run(["view", context])]);
    queue.map(run);
    queue.live = queue.push = (...added) => added.map(run);
    setInterval(run, 1e3);
  }
} catch {}
