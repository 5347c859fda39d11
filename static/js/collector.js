/*
 * The page's part of the collector: it tells the server which Contentsquare session this page
 * belongs to, and which keys (a visitor id, a phone number on show) the provider knows it by.
 *
 *   <script async src="https://host/v1/snippet.js"></script>
 *
 * It runs on strangers' sites, so it is
 *
 *   harmless  All of it runs in try/catch. Nothing is global but its command queue. No cookie, no
 *             storage, no dependency, no inline code; what other scripts replaced (fetch, _uxa,
 *             CS_CONF) is looked up when it is used, and may be broken.
 *   true      A beacon tells what holds on the page now. One that failed is not kept for later:
 *             the server dates a beacon by its arrival, so a late one would claim that a number is
 *             on show that no longer is. The next page view or command tells the state of then.
 *   quiet     One request per (session, keys); again when either changes, and, so that the
 *             session's last-seen time stays true, on a page view after five minutes.
 *   small     At most 800 bytes after gzip -9, which a test holds. It is why `let` stands where
 *             `const` would do (one keyword compresses better) and why everything that happens is
 *             one kind of thing, a command, in one function with one error path.
 *
 * The page gives commands on a queue, before or after this script has loaded:
 *
 *   window.sessionCollector = window.sessionCollector || [];
 *   sessionCollector.push(["set", { visitor_id: "…", tracking_number: "+33 1 …" }]);
 *   sessionCollector.push(["endpoint", "https://host/v1/sessions"]);
 *
 * Syntax and functions are those of 2020 (ES2021) and later. build.py makes collector.min.js.
 */
try {
  let queue = (window.sessionCollector ||= []);

  // The queue itself carries the mark, so that a script that is loaded twice works once.
  if (!queue.live) {
    let name = "session-collector";
    let keys = {};
    let kinds = 0; // how many kinds of key the page has ever set
    let refused = {}; // by body: the server has said no (4xx), and would say it again
    let endpoint = "/v1/sessions";
    let session; // what the newest page view told; with the keys, it is the body
    let sent; // the newest body, unless it failed
    let stale; // when a page view sends it again, in milliseconds since 1970

    // Must be asked now: it is null once this script has run, and always under a tag manager.
    // Where neither tells the server's address (a copy inlined, or served from elsewhere), the
    // page gives it by the "endpoint" command.
    let base = (
      document.currentScript || document.querySelector('script[src*="/v1/snippet."]')
    )?.src;

    let commands = {
      // The limits are the server's: it refuses a beacon whole, so that one bad key would cost
      // the session. null, undefined and "" remove a key: JSON leaves undefined out.
      set(values) {
        for (let kind in values) {
          let text = (values[kind] ?? "") + "";
          if (
            /^[a-z][a-z\d_]{0,29}$/.test(kind) &&
            !text[200] &&
            (kind in keys || kinds++ < 10)
          )
            keys[kind] = text || undefined;
        }
      },

      endpoint(url) {
        endpoint = url;
      },

      // Ours, not the page's: the tag calls it after each page view, natural or artificial.
      view(context) {
        if (!context?.sessionKey) return;

        // A user id may hold dots: the session number is what follows the last one. What does
        // not match throws here, and is told below.
        let [, projectId, userId, sessionNumber] = /^(\d+) (\S+)\.(\d+)$/.exec(
          context.projectId + " " + context.sessionKey,
        );

        // As Contentsquare's own integrations do. On the first view, because CS_CONF comes with
        // the tag, which may come after this script.
        try {
          session || (CS_CONF.integrations ||= []).push(name);
        } catch {}

        session = { projectId: +projectId, userId, sessionNumber: +sessionNumber, keys };
        if (Date.now() >= stale) sent = 0;
      },
    };

    let run = async (command) => {
      try {
        try {
          commands[command[0]]?.(command[1]);

          // What one script says in one go becomes one request: the first to wake up here sends,
          // the others find it sent. A timer would gather more, but lose what a page says last.
          await 0;

          // Before the first page view both are undefined.
          let body = JSON.stringify(session);
          if (body !== sent && !refused[body]) {
            let url = new URL(endpoint, base);
            let answer;
            let status = 500;
            sent = body;
            stale = Date.now() + 3e5;

            // A string goes out as text/plain: with that and without credentials, the browser
            // asks no preflight and shows no cookie. keepalive outlives the page.
            try {
              answer = fetch(url, { method: "POST", body, keepalive: true, credentials: "omit" });
            } catch {
              // fetch is missing, or was replaced by something that throws.
              answer = { status: navigator.sendBeacon(url, body) ? 204 : 500 };
            }
            try {
              ({ status } = await answer);
            } catch {}

            if (status > 499 || status === 429) sent = 0;
            else refused[body] = status > 399;
            command = status;
          }
        } catch (error) {
          _uxa.push(["logSnippetError", name, (command = error)]);
        }

        // What came of it: the status of a request, an error, or the command where nothing was
        // to be sent. The switches are those of Contentsquare's own integrations.
        if (window.csqDebuggerEnabled || /csqDebuggerEnabled=true/.test(location))
          console.log(name, command);
      } catch {}
    };

    // First the tag, then the page: even with a broken queue, the session is told.
    (window._uxa ||= []).push(["afterPageView", (context) => run(["view", context])]);
    (queue.live = queue.push = (...added) => added.forEach(run))(...queue);
  }
} catch {}
