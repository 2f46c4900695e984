/** The response of `POST /v1/decisions`, as far as a page uses it. Every field is optional, since the
 *  page must tolerate any response. */

export interface Command {
  text?: string;
  output?: string;
  copy_url?: string;
  copy_text?: string;
  copied_text?: string;
  aria?: string;
}

export interface Picture {
  url?: string;
  width?: number;
  height?: number;
  alt?: string;
}

export interface Creative {
  id?: string;
  style?: string;
  language?: string;
  direction?: string;
  kicker?: string;
  headline?: string;
  body?: string;
  proof?: { text?: string; source?: string; as_of?: string };
  command?: Command;
  ctas?: { id?: string; text?: string; click_url?: string }[];
  click_url?: string;
  logo?: Picture;
  image?: Picture;
  price?: { text?: string; note?: string };
}

export interface Decision {
  fill?: boolean;
  decision_id?: string;
  reason?: string;
  tier?: string;
  advertiser?: { id?: string; name?: string };
  creative?: Creative;
  label?: {
    text?: string;
    language?: string;
    aria?: string;
    sponsor_line?: string;
    ruleset?: string;
    region_basis?: string;
  };
  transparency?: {
    on_behalf_of?: string;
    paid_by?: string;
    why?: string;
    why_text?: string;
    why_url?: string;
    language?: string;
  };
  rel?: string;
  event_urls?: { impression?: string; viewable?: string };
}

export interface Reply {
  request_id?: string;
  decisions?: Record<string, Decision | undefined>;
}
