/** What is sent to `POST /v1/decisions`, and what comes back: the same names as on the wire. */

export type Style = "terminal" | "card" | "line";

/** Whom or what a page is about. A name alone is a mention. */
export type Entity = string | { name: string; role?: "subject" | "mention" };

export interface Page {
  /** Its address. Query and fragment are never kept. */
  url?: string;
  /** A BCP 47 tag; the publisher's language when absent. */
  language?: string;
  topics?: string[];
  entities?: Entity[];
  keywords?: string[];
  /** Where the page is about: a country or a group. */
  region?: string;
  commercial?: "allow" | "house_only" | "none";
  /** Why it is sensitive; anything here makes it so. */
  sensitive?: string[];
  /** Creatives that this page view shows already. */
  shown?: string[];
}

export interface Viewer {
  /** An ISO 3166 country, as you know it. */
  region?: string;
}

export interface Placement {
  /** The publisher's placement. */
  name: string;
  /** Names the answer; the placement's name when absent. */
  key?: string;
  /** Styles it takes, best first; all of the placement's when absent. */
  styles?: Style[];
}

/** Why there is no unit; `no_answer` is this package's own word for a server that gave none. */
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
  | "stopped"
  | "stale_too_old"
  | "overloaded"
  | "no_answer";

export interface NoFill {
  fill: false;
  /** Empty where there was no answer. */
  decision_id: string;
  reason: NoFillReason;
}

/** A picture of the server's, with its own size. */
export interface Picture {
  url: string;
  width: number;
  height: number;
  alt: string;
}

export interface Creative {
  id: string;
  hash: string;
  /** Which wording: 0 is the creative's own. */
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
    /** What the button says before and after, and what the whole is called aloud. */
    copy_text: string;
    copied_text: string;
    aria: string;
  } | null;
  /** The main one first. */
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
  /** For every link of the unit. */
  rel: string;
  /** What is not measured has no address. */
  event_urls: { impression?: string; viewable?: string };
  impression_until: string;
  click_until: string;
  /** It never counts. */
  test?: true;
  /** A complete unit, escaped, which counts itself: where `render: "html"` asked for it. */
  html?: string;
}

/** A unit, or why there is none: `fill` says which. */
export type Decision = Fill | NoFill;

/** RFC 9457 problem details, as the server sends them. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  /** Stable: for programs. */
  code: string;
  /** What is refused. */
  field?: string;
  request_id: string;
}

/** Why there was no answer. */
export interface Failure {
  /**
   * - `timeout`: not within the budget
   * - `unreachable`: no connection, twice
   * - `refused`: a status that is no answer; `problem` says what is wrong
   * - `unreadable`: an answer that is none of ours
   * - `aborted`: by the caller's own signal
   * - `key_in_browser`: a secret key was given on a page, and nothing was sent
   */
  what: "timeout" | "unreachable" | "refused" | "unreadable" | "aborted" | "key_in_browser";
  status?: number;
  problem?: Problem;
}

export interface DecisionReply {
  /** Empty where there was no answer. */
  request_id: string;
  snapshot?: { inventory: string; weights: string; age_ms: number; stale: boolean };
  /** What was cut, ignored or not understood. */
  warnings: string[];
  /** One answer a placement, under its key: for every placement, whatever happened. */
  decisions: Record<string, Decision>;
  /** Only where there was no answer. */
  failure?: Failure;
}
