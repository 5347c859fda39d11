/*
 * What a page may say to the session collector, for pages that are written in TypeScript.
 *
 * Put this file among the sources, or refer to it: /// <reference path="collector.d.ts" />
 *
 *   (window.sessionCollector ||= []).push(["set", { visitor_id: "v-123" }]);
 */

declare namespace SessionCollector {
  /** Stored as text. `null`, `undefined` and blank text take the key away. */
  type Value = string | number | boolean | null | undefined;

  /**
   * By what a call of this visitor can be recognised: kinds in lower case, of at most 30
   * characters, at most 10 of them, with values of at most 200 characters.
   */
  interface Keys {
    /** The site's own id of the visitor. */
    visitor_id?: Value;
    /** The telephone number that this visitor is shown. */
    tracking_number?: Value;
    /** What the visitor can say on the telephone: a customer, order or reference number. */
    reference?: Value;
    [kind: string]: Value;
  }

  type Command =
    /**
     * Sets these keys, and leaves the others as they are. They go before what `data-key`
     * attributes find.
     */
    | ["set", Keys]
    /** Whether the visitor agrees. With `data-require-consent`, nothing is sent before `true`. */
    | ["consent", boolean]
    /** Sends nothing from here on. Nothing is stored in the browser: say it on each page. */
    | ["optOut"]
    /** Takes `optOut` back. */
    | ["optIn"]
    /** Where to send to, in full, when the script is not loaded from the collector itself. */
    | ["endpoint", string];

  /** Why nothing is sent: no consent yet, opted out, or Global Privacy Control in the browser. */
  type Withheld = "consent" | "opt_out" | "gpc";

  /** What the collector has seen and done; for debugging only. */
  interface Seen {
    loaded: true;
    /** Whether Contentsquare's tag runs. */
    tag: boolean;
    /** How many page views it has told of. */
    called: number;
    session: { projectId: number; userId: string; sessionNumber: number } | null;
    keys: { [kind: string]: string };
    /** The `data-key` attributes that find nothing at present, by kind. */
    missing: { [kind: string]: string };
    withheld: Withheld | null;
    /** How many requests were made. */
    sent: number;
    /** What came of the last one. */
    answer:
      | { status: number; code: string | null; ignored: string | null }
      | { error: string }
      | null;
    problems: string[];
  }

  /** An array of commands, which the script takes over when it has loaded. */
  interface Queue extends Array<Command> {
    /** Gives commands, before or after the script has loaded. It returns nothing of use. */
    push(...commands: Command[]): any;
    /** Set once the script runs. */
    readonly live?: unknown;
    /** Set while the page is debugged by `csqDebuggerEnabled`. */
    readonly seen?: Seen;
  }
}

interface Window {
  sessionCollector?: SessionCollector.Queue;
}

/** The same as `window.sessionCollector`. */
declare var sessionCollector: SessionCollector.Queue | undefined;
