/** Request and response types of `POST /v1/decisions`, with the JSON field names. */

export type Style = "terminal" | "card" | "line";

/** An entity of the page. A name alone is a mention. */
export type Entity = string | { name: string; role?: "subject" | "mention" };

export interface Page {
  /** The page's URL. Query and fragment are never stored. */
  url?: string;
  /** A BCP 47 tag; the publisher's language if absent. */
  language?: string;
  topics?: string[];
  entities?: Entity[];
  keywords?: string[];
  /** The region that the page is about: a country or a group of countries. */
  region?: string;
  commercial?: "allow" | "house_only" | "none";
  /** Reasons why the page is sensitive; any entry marks it as sensitive. */
  sensitive?: string[];
  /** Ids of creatives already shown in this page view. */
  shown?: string[];
}

export interface Viewer {
  /** The reader's country as known to you: ISO 3166 alpha-2. */
  region?: string;
}

export interface Placement {
  /** The publisher's placement id. */
  name: string;
  /** Names the answer; the placement's name when absent. */
  key?: string;
  /** Accepted styles, preferred first; all styles of the placement if absent. */
  styles?: Style[];
}

/** Why there is no unit. `no_answer` is set by this package if there was no valid response. */
export type NoFillReason =
  | "no_candidate"
  | "all_paced"
  | "budgets_spent"
  | "subject_conflict"
  | "sensitive_page"
  | "publisher_blocked"
  | "house_only"
  | "commercial_off"
  | "style_mismatch"
  | "below_relevance"
  | "label_unavailable"
  | "unknown_placement"
  | "paused"
  | "stale_too_old"
  | "overloaded"
  | "no_answer";

export interface NoFill {
  fill: false;
  /** Empty if there was no response. */
  decision_id: string;
  reason: NoFillReason;
}

/** An image served by the server, with its natural size. */
export interface Picture {
  url: string;
  width: number;
  height: number;
  alt: string;
}

export interface Creative {
  id: string;
  hash: string;
  /** Text variant: 0 is the creative's own text. */
  variant: number;
  style: Style;
  language: string;
  direction: "ltr" | "rtl";
  kicker: string | null;
  headline: string;
  body: string;
  proof: { text: string; source: string; as_of: string } | null;
  command: {
    text: string;
    output: string;
    copy_url: string;
    /** Button text before and after copying, and the label for screen readers. */
    copy_text: string;
    copied_text: string;
    aria: string;
  } | null;
  /** The main call to action first. */
  ctas: { id: string; text: string; click_url: string }[];
  click_url: string;
  landing_domain: string;
  logo: Picture | null;
  image: Picture | null;
  price: {
    text: string;
    amount_micros: number;
    currency: string;
    per: string;
    tax_included: boolean;
    audience: "consumer" | "business";
    note: string | null;
    valid_until: string;
  } | null;
}

export interface Fill {
  fill: true;
  decision_id: string;
  tier: "sponsorship" | "standard" | "house";
  advertiser: { id: string; name: string };
  campaign: string;
  flight: string;
  creative: Creative;
  label: {
    text: string;
    language: string;
    aria: string;
    sponsor_line: string;
    ruleset: string;
    region_basis: "observed" | "declared" | "publisher_default" | "unknown";
  };
  transparency: {
    on_behalf_of: string;
    paid_by: string;
    why: string;
    why_text: string;
    language: string;
    why_url: string;
  };
  /** `rel` of every link of the unit. */
  rel: string;
  /** Absent for events that are not measured. */
  event_urls: { impression?: string; viewable?: string };
  impression_until: string;
  click_until: string;
  /** Test mode: events are never counted. */
  test?: true;
  /** With `render: "html"`: the complete unit as escaped HTML, including its impression pixel. */
  html?: string;
}

/** A unit or a no-fill reason, distinguished by `fill`. */
export type Decision = Fill | NoFill;

/** RFC 9457 problem details of the server. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  /** Stable, machine-readable error code. */
  code: string;
  /** The rejected field. */
  field?: string;
  request_id: string;
}

/** Why there was no response. */
export interface Failure {
  /**
   * - `timeout`: no response within the budget
   * - `unreachable`: network error, also on retry
   * - `refused`: an error status; `problem` has the details
   * - `unreadable`: an invalid response
   * - `aborted`: by the caller's signal
   * - `key_in_browser`: a secret key was passed in a browser; nothing was sent
   */
  what: "timeout" | "unreachable" | "refused" | "unreadable" | "aborted" | "key_in_browser";
  status?: number;
  problem?: Problem;
}

export interface DecisionReply {
  /** Empty if there was no response. */
  request_id: string;
  snapshot?: { inventory: string; weights: string; age_ms: number; stale: boolean };
  /** Truncated, ignored or unknown values. */
  warnings: string[];
  /** One decision per placement, by its key; always complete. */
  decisions: Record<string, Decision>;
  /** Set only if there was no response. */
  failure?: Failure;
}
