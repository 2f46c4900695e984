// Generated from the OpenAPI document by `npm run types`: do not edit.

/**
 * An entity on the page.
 */
export type EntityDocument =
  | string
  | {
      /**
       * The name.
       */
      name: string;
      /**
       * Its role on the page.
       */
      role?: "subject" | "mention";
    };
/**
 * The tone in which a page writes about its subject.
 */
export type Sentiment = "positive" | "neutral" | "negative";
/**
 * What a page states for a context key.
 */
export type CustomDocument = string | string[];
/**
 * The visual style of a unit.
 */
export type Style = "terminal" | "card" | "line";
/**
 * A unit, or the reason why there is none.
 */
export type Answer = RenderedUnit | NoFillReply;
/**
 * Priority tiers: a lower tier is considered only if no higher tier fills the slot.
 */
export type Tier = "sponsorship" | "standard" | "house";
/**
 * The stage that filtered a flight, in evaluation order.
 */
export type FilterReason =
  | "paused"
  | "commercial"
  | "sensitive_page"
  | "dates"
  | "region"
  | "page_region"
  | "language"
  | "category"
  | "topic"
  | "entity"
  | "keyword"
  | "placement"
  | "publisher"
  | "sentiment"
  | "verified"
  | "custom"
  | "subject_conflict"
  | "shown"
  | "publisher_blocked"
  | "style"
  | "unreported"
  | "label"
  | "budget"
  | "reservation_lost"
  | "topic_share"
  | "paced"
  | "tier"
  | "relevance"
  | "truncated";

/**
 * A decision request; one per page view.
 */
export interface DecisionRequest {
  /**
   * The publisher's id.
   */
  publisher: string;
  page?: PageDocument;
  viewer?: ViewerRequest;
  /**
   * The slots to fill; at most 8.
   *
   * @minItems 1
   */
  placements: SlotDocument[];
  /**
   * `json`, or `html`, `markdown` or `text` to also get the complete unit in that form.
   */
  render?: "json" | "html" | "markdown" | "text";
  /**
   * Test mode: the unit works fully, but is never counted or billed, reserves no budget and does not
   * affect pacing.
   */
  test?: boolean;
  /**
   * Reject a request that exceeds a limit instead of truncating it.
   */
  strict?: boolean;
  /**
   * Also return the full trace; requires an operator key.
   */
  explain?: boolean;
  /**
   * Id of the creative to show; requires an operator key and implies `test`.
   */
  force_creative?: string | null;
}
/**
 * What the page is about.
 */
export interface PageDocument {
  /**
   * The page's URL. Query and fragment are never stored; of the rest, the publisher's setting decides.
   */
  url?: string | null;
  /**
   * Language as a BCP 47 tag; the publisher's language if absent.
   */
  language?: string | null;
  /**
   * Topics; at most 16.
   */
  topics?: string[];
  /**
   * Names of the entities that it is about; the same as `entities` with the role `subject`. One name
   * need not be in a list.
   */
  subject?: string[];
  /**
   * Entities, each a name or a name with its role; at most 32, with those of `subject`.
   */
  entities?: EntityDocument[];
  /**
   * Keywords; at most 64.
   */
  keywords?: string[];
  /**
   * The region that the page is about: a country or a region group.
   */
  region?: string | null;
  /**
   * The tone in which the page writes about its subject.
   */
  sentiment?: Sentiment | null;
  /**
   * Whether the publisher has verified what the page says.
   */
  verified?: boolean | null;
  /**
   * What it states for the operator's context keys.
   */
  custom?:
    | {
        [k: string]: CustomDocument;
      }
    | string[];
  /**
   * Which commercial content the page allows.
   */
  commercial?: "allow" | "house_only" | "none";
  /**
   * Reasons why the page is sensitive; it is sensitive if there is any.
   */
  sensitive?: string[];
  /**
   * Ids of creatives that this page view already shows.
   */
  shown?: string[];
}
/**
 * What the caller declares about the reader.
 */
export interface ViewerRequest {
  /**
   * The reader's country, as an ISO 3166 code.
   */
  region?: string | null;
}
/**
 * A slot to fill.
 */
export interface SlotDocument {
  /**
   * Id of the publisher's placement.
   */
  name: string;
  /**
   * Key of the answer in the reply; the placement's name if absent.
   */
  key?: string | null;
  /**
   * Accepted styles, preferred first; all styles of the placement if empty.
   */
  styles?: Style[];
}
/**
 * The reply to a decision request.
 */
export interface DecisionReply {
  /**
   * Id of the request.
   */
  request_id: string;
  snapshot: SnapshotReply;
  /**
   * What was truncated, ignored or not understood.
   */
  warnings: string[];
  /**
   * One answer per placement, by its key.
   */
  decisions: {
    [k: string]: Answer;
  };
  /**
   * The full trace, if an operator requested it.
   */
  explanation?: Explanation | null;
}
/**
 * The versions it was decided on.
 */
export interface SnapshotReply {
  /**
   * Content hash of the inventory.
   */
  inventory: string;
  /**
   * Content hash of the weights.
   */
  weights: string;
  /**
   * Time since the catalog was last reached, in milliseconds.
   */
  age_ms: number;
  /**
   * Whether the inventory is older than `snapshot.stale_after_seconds`.
   */
  stale: boolean;
}
/**
 * A unit.
 */
export interface RenderedUnit {
  /**
   * Always true.
   */
  fill: true;
  /**
   * The decision's id.
   */
  decision_id: string;
  /**
   * Tier of the winning flight.
   */
  tier: "sponsorship" | "standard" | "house";
  advertiser: UnitAdvertiser;
  /**
   * Id of the campaign.
   */
  campaign: string;
  /**
   * Id of the flight.
   */
  flight: string;
  creative: UnitCreative;
  label: UnitLabel;
  transparency: Transparency;
  /**
   * `rel` attribute for every link of the unit.
   */
  rel: string;
  event_urls: EventUrls;
  /**
   * Impressions received after this time are not counted.
   */
  impression_until: string;
  /**
   * Viewable impressions, clicks and copies received after this time are not counted.
   */
  click_until: string;
  /**
   * Test unit: its events are never counted.
   */
  test?: boolean;
  /**
   * The unit as a complete, escaped HTML fragment, if `render` is `html`.
   */
  html?: string | null;
  /**
   * The unit as CommonMark with its label, if `render` is `markdown`.
   */
  markdown?: string | null;
  /**
   * The unit as plain text with its label, if `render` is `text`.
   */
  text?: string | null;
}
/**
 * The advertiser.
 */
export interface UnitAdvertiser {
  /**
   * The id.
   */
  id: string;
  /**
   * The name.
   */
  name: string;
}
/**
 * The creative.
 */
export interface UnitCreative {
  /**
   * The creative's id.
   */
  id: string;
  /**
   * Its content hash.
   */
  hash: string;
  /**
   * Number of the text variant; 0 is the creative's own text.
   */
  variant: number;
  /**
   * The visual style of a unit.
   */
  style: "terminal" | "card" | "line";
  /**
   * Language of the texts, as a BCP 47 tag.
   */
  language: string;
  /**
   * Direction of the texts.
   */
  direction: "ltr" | "rtl";
  /**
   * The line above the headline.
   */
  kicker: string | null;
  /**
   * The headline.
   */
  headline: string;
  /**
   * The body text.
   */
  body: string;
  /**
   * A claim with its source.
   */
  proof: UnitProof | null;
  /**
   * A terminal command.
   */
  command: UnitCommand | null;
  /**
   * Calls to action, the main one first.
   */
  ctas: UnitCta[];
  /**
   * Click URL of the unit itself: that of the main call to action.
   */
  click_url: string;
  /**
   * Host name of the landing page.
   */
  landing_domain: string;
  /**
   * The advertiser's logo, to show beside the sponsor line.
   */
  logo: UnitImage | null;
  /**
   * An image.
   */
  image: UnitImage | null;
  /**
   * A price footnote.
   */
  price: UnitPrice | null;
}
/**
 * A claim with its source.
 */
export interface UnitProof {
  /**
   * The claim.
   */
  text: string;
  /**
   * Source of the claim.
   */
  source: string;
  /**
   * Date of the claim.
   */
  as_of: string;
}
/**
 * A terminal command. The copied text is exactly the text shown.
 */
export interface UnitCommand {
  /**
   * The line to copy.
   */
  text: string;
  /**
   * The output line shown below it.
   */
  output: string;
  /**
   * URL for reporting that it was copied.
   */
  copy_url: string;
  /**
   * Text of the copy button.
   */
  copy_text: string;
  /**
   * Text of the button after copying.
   */
  copied_text: string;
  /**
   * Accessible label for screen readers.
   */
  aria: string;
}
/**
 * A call to action.
 */
export interface UnitCta {
  /**
   * Its id.
   */
  id: string;
  /**
   * Text of the link.
   */
  text: string;
  /**
   * Click URL: records the click and redirects to the landing page.
   */
  click_url: string;
}
/**
 * An image served by this server. The size lets the page reserve the space.
 */
export interface UnitImage {
  /**
   * URL of the image. Content-addressed: it never refers to another image.
   */
  url: string;
  /**
   * Width in pixels.
   */
  width: number;
  /**
   * Height in pixels.
   */
  height: number;
  /**
   * Alternative text.
   */
  alt: string;
}
/**
 * A price with the details that price advertising rules require.
 */
export interface UnitPrice {
  /**
   * Text as shown.
   */
  text: string;
  /**
   * Amount in micros.
   */
  amount_micros: number;
  /**
   * Currency of the amount.
   */
  currency: string;
  /**
   * Billing period or quantity, such as `month`.
   */
  per: string;
  /**
   * Whether the price includes tax.
   */
  tax_included: boolean;
  /**
   * Whether it is for consumers or businesses.
   */
  audience: "consumer" | "business";
  /**
   * A condition.
   */
  note: string | null;
  /**
   * The price is not shown after this time.
   */
  valid_until: string;
}
/**
 * The advertising label.
 */
export interface UnitLabel {
  /**
   * Text of the label.
   */
  text: string;
  /**
   * Language of the label, as a BCP 47 tag.
   */
  language: string;
  /**
   * Accessible label for screen readers.
   */
  aria: string;
  /**
   * The line that names the sponsor, in the language of `transparency`.
   */
  sponsor_line: string;
  /**
   * Version of the reviewed label table that it comes from.
   */
  ruleset: string;
  /**
   * How the reader's region was determined.
   */
  region_basis: "observed" | "declared" | "publisher_default" | "unknown";
}
/**
 * On whose behalf it is shown, who paid, and why.
 */
export interface Transparency {
  /**
   * On whose behalf it is shown.
   */
  on_behalf_of: string;
  /**
   * Who paid.
   */
  paid_by: string;
  /**
   * Why it is on this page.
   */
  why: string;
  /**
   * Text of the link to the "why this" page.
   */
  why_text: string;
  /**
   * Language of these texts, as a BCP 47 tag.
   */
  language: string;
  /**
   * URL of the "why this" page.
   */
  why_url: string;
}
/**
 * URLs for reporting events.
 */
export interface EventUrls {
  /**
   * To request when the unit begins to render in a visible document.
   */
  impression?: string | null;
  /**
   * To request when at least half of the unit was in view for one second.
   */
  viewable?: string | null;
}
/**
 * No unit.
 */
export interface NoFillReply {
  /**
   * Always false.
   */
  fill: false;
  /**
   * The decision's id.
   */
  decision_id: string;
  /**
   * Why there is no unit.
   */
  reason:
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
    | "overloaded";
}
/**
 * Explanation of one decision call.
 */
export interface Explanation {
  /**
   * Request id.
   */
  request_id: string;
  /**
   * Time of the decision.
   */
  decided_at: string;
  /**
   * Publisher id.
   */
  publisher: string;
  /**
   * Whether the call was a test; tests never count.
   */
  test: boolean;
  /**
   * Whether replaying the decision reproduced it exactly.
   */
  agrees: boolean;
  versions: Versions;
  /**
   * Content hash of the weights that it was made with, if others were asked for. `agrees` is about these.
   */
  instead_of?: string | null;
  page: PageView;
  /**
   * The slots, in request order.
   */
  slots: SlotView[];
  /**
   * What would have to change for the creative named by `want` to win.
   */
  want?: Want[] | null;
}
/**
 * Versions that the decision was made on; with `weights` in the request, with these weights instead.
 */
export interface Versions {
  /**
   * Content hash of the inventory.
   */
  inventory: string;
  /**
   * Content hash of the weights.
   */
  weights: string;
  /**
   * Content hash of the labels.
   */
  labels: string;
  /**
   * Number of the state (exhausted budgets and pacing).
   */
  state: number;
}
/**
 * The normalised page.
 */
export interface PageView {
  /**
   * The part of its URL that the publisher lets us store.
   */
  url?: string | null;
  /**
   * Topic ids.
   */
  topics: string[];
  /**
   * Entities with their roles.
   */
  entities: EntityView[];
  /**
   * Keywords that at least one flight targets.
   */
  keywords: string[];
  /**
   * Names that are not in the inventory.
   */
  unknown: string[];
  /**
   * Region that the page is about.
   */
  region: string | null;
  /**
   * Language of the page.
   */
  language: string;
  /**
   * The tone in which the page writes about its subject.
   */
  sentiment?: Sentiment | null;
  /**
   * Whether the publisher has verified what the page says.
   */
  verified?: boolean | null;
  /**
   * What it states for custom context keys, as far as the inventory lists it or a flight targets it.
   */
  custom?: {
    [k: string]: string[];
  };
  /**
   * Commercial setting: `allow`, `house_only` or `none`.
   */
  commercial: string;
  /**
   * Whether the page is sensitive.
   */
  sensitive: boolean;
  viewer: ViewerView;
}
/**
 * An entity of the page.
 */
export interface EntityView {
  /**
   * Entity id.
   */
  id: string;
  /**
   * Role on the page: `subject` or `mention`.
   */
  role: string;
}
/**
 * The reader's region.
 */
export interface ViewerView {
  /**
   * Country code.
   */
  country: string | null;
  /**
   * How the country is known, for instance observed or declared.
   */
  basis: string;
}
/**
 * One slot.
 */
export interface SlotView {
  /**
   * Decision id.
   */
  decision_id: string;
  /**
   * Key of the slot in the response.
   */
  key: string;
  /**
   * Placement id.
   */
  placement: string | null;
  result: ResultView;
  /**
   * Number of flights filtered by each stage, in order.
   */
  stages: StageView[];
  /**
   * Flights of the final draw, by descending probability.
   */
  candidates: CandidateView[];
  /**
   * Filtered flights.
   */
  removed: FilteredView[];
}
/**
 * Outcome.
 */
export interface ResultView {
  /**
   * Whether a unit was chosen.
   */
  fill: boolean;
  /**
   * No-fill reason.
   */
  reason?: string | null;
  /**
   * Tier of the winning flight.
   */
  tier?: Tier | null;
  /**
   * Advertiser id.
   */
  advertiser?: string | null;
  /**
   * Flight id.
   */
  flight?: string | null;
  /**
   * Creative id.
   */
  creative?: string | null;
  /**
   * Variant number; 0 is the creative's own text.
   */
  variant?: number | null;
  /**
   * Style of the unit.
   */
  style?: string | null;
  /**
   * P(flight | earlier slots, exclusions, world).
   */
  flight_propensity?: number | null;
  /**
   * P(creative and variant | flight).
   */
  creative_propensity?: number | null;
  /**
   * What the creative was drawn from, if the flight had a choice.
   */
  rotation?: RotationView | null;
}
/**
 * The creatives that a flight could show in a slot.
 */
export interface RotationView {
  /**
   * How they take turns.
   */
  rotation: "weights" | "even" | "optimise";
  /**
   * With `optimise`, the pages whose counted clicks the probabilities are learned from: those of the `topic`,
   * of its `topic_group`, or all of the `flight`. Absent: nothing was learned yet, and all are equally likely.
   */
  learned_from?: string | null;
  /**
   * The texts that could fill the slot.
   */
  creatives: CreativeView[];
}
/**
 * A text that could fill a slot.
 */
export interface CreativeView {
  /**
   * Creative id.
   */
  creative: string;
  /**
   * Variant number; 0 is the creative's own text.
   */
  variant: number;
  /**
   * P(creative and variant | flight).
   */
  probability: number;
}
/**
 * Count of a filter stage.
 */
export interface StageView {
  /**
   * Filter stage.
   */
  stage: string;
  /**
   * Number of flights that it filtered.
   */
  removed: number;
}
/**
 * A flight of the final draw.
 */
export interface CandidateView {
  /**
   * Flight id.
   */
  flight: string;
  /**
   * Advertiser id.
   */
  advertiser: string;
  /**
   * Probability of being drawn.
   */
  probability: number;
  /**
   * Score: the product of the terms, raised to the sharpness.
   */
  score?: number | null;
  /**
   * Terms of the score.
   */
  terms?: TermsView | null;
}
/**
 * The factors of a score.
 */
export interface TermsView {
  /**
   * How closely its topics match the page's.
   */
  topic: "exact" | "broader" | "any";
  /**
   * How closely its regions match the reader's.
   */
  region: "exact" | "broader" | "any";
  /**
   * Whether one of its entities is on the page.
   */
  entity: boolean;
  /**
   * Whether one of its keywords is on the page.
   */
  keyword: boolean;
  /**
   * Relevance: topic, region, entity and keyword combined, clamped.
   */
  relevance: number;
  /**
   * Weight and price combined.
   */
  weight_and_price: number;
  /**
   * The price; absent for a flight without one.
   */
  price?: PriceView | null;
}
/**
 * A price in its own currency, and what it counts in a score.
 */
export interface PriceView {
  /**
   * What the flight pays for.
   */
  pricing: "cpm" | "vcpm" | "cpc" | "flat";
  /**
   * The price in micros of its currency.
   */
  micros: number;
  /**
   * The advertiser's currency.
   */
  currency: string;
  /**
   * What it counts, if the weights have exchange rates.
   */
  reference?: ReferencePrice | null;
}
/**
 * A price in the reference currency of the exchange rates.
 */
export interface ReferencePrice {
  /**
   * The reference currency.
   */
  currency: string;
  /**
   * The price in it, rounded to a micro; the score uses it unrounded. `null` if no rate was in force: then the
   * price did not count.
   */
  micros: number | null;
  /**
   * Units of the price's currency for one unit of the reference currency; absent if both are the same.
   */
  rate?: string | null;
  /**
   * The first day of the rate.
   */
  rate_from?: string | null;
}
/**
 * A filtered flight.
 */
export interface FilteredView {
  /**
   * Flight id.
   */
  flight: string;
  /**
   * Advertiser id.
   */
  advertiser: string;
  /**
   * Filter stage.
   */
  stage:
    | "paused"
    | "commercial"
    | "sensitive_page"
    | "dates"
    | "region"
    | "page_region"
    | "language"
    | "category"
    | "topic"
    | "entity"
    | "keyword"
    | "placement"
    | "publisher"
    | "sentiment"
    | "verified"
    | "custom"
    | "subject_conflict"
    | "shown"
    | "publisher_blocked"
    | "style"
    | "unreported"
    | "label"
    | "budget"
    | "reservation_lost"
    | "topic_share"
    | "paced"
    | "tier"
    | "relevance"
    | "truncated";
  /**
   * The reason as a sentence.
   */
  reason: string;
}
/**
 * Why a creative did not win one slot.
 */
export interface Want {
  /**
   * Key of the slot.
   */
  key: string;
  /**
   * The requested creative.
   */
  creative: string;
  /**
   * The creative's flight.
   */
  flight?: string | null;
  /**
   * Whether the creative won.
   */
  won: boolean;
  /**
   * All rules that filtered its flight, in order.
   */
  against: FilterReason[];
  /**
   * Probability of its flight, if it took part in the draw.
   */
  probability?: number | null;
  /**
   * Factor by which its score would have to increase to win this draw.
   */
  score_factor_needed?: number | null;
  /**
   * Required changes, as sentences.
   */
  changes: string[];
}
/**
 * The body of an error response: `application/problem+json`.
 */
export interface Problem {
  /**
   * Always `about:blank`: `status` and `code` identify the kind of problem.
   */
  type: "about:blank";
  /**
   * The reason phrase of the status.
   */
  title: string;
  /**
   * The HTTP status.
   */
  status: number;
  /**
   * What is wrong and what to do.
   */
  detail: string;
  /**
   * Stable error code for programs to compare. New codes may be added.
   */
  code: string;
  /**
   * Path of the invalid field, such as `page.topics[3]`.
   */
  field?: string | null;
  /**
   * Identifies this response in the server's log.
   */
  request_id: string;
  /**
   * Every error of an invalid document, or everything of a change that needs confirmation.
   */
  problems?: FieldProblem[];
}
/**
 * One error of a document.
 */
export interface FieldProblem {
  /**
   * Path of the field.
   */
  field: string;
  /**
   * What is wrong.
   */
  reason: string;
  /**
   * How to correct it.
   */
  help?: string | null;
}
