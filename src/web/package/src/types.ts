/** Request and response types of `POST /v1/decisions`. */

import type {
  DecisionReply as Reply,
  EntityDocument,
  NoFillReply,
  PageDocument,
  Problem,
  RenderedUnit,
  SlotDocument,
  Style,
  UnitCreative,
  ViewerRequest,
} from "./api.js";

export type { Problem, Style };
export type Entity = EntityDocument;
export type Page = PageDocument;
export type Viewer = ViewerRequest;
export type Placement = SlotDocument;
export type Creative = UnitCreative;
export type Fill = RenderedUnit;

/** Why there is no unit. `no_answer` is set by this package if there was no valid response. */
export type NoFillReason = NoFillReply["reason"] | "no_answer";

export interface NoFill extends Omit<NoFillReply, "reason"> {
  reason: NoFillReason;
}

/** A unit or a no-fill reason, distinguished by `fill`. */
export type Decision = Fill | NoFill;

/** Why there was no response. */
export interface Failure {
  /**
   * - `timeout`: no response within the budget
   * - `unreachable`: network error, also on retry
   * - `refused`: an error status; `problem` has the details
   * - `unreadable`: an invalid response
   * - `aborted`: by the caller's signal
   * - `key_in_browser`: a secret key was passed in a browser; nothing was sent
   * - `invalid_request`: the options cannot be sent, for the reason in `detail`; nothing was sent
   */
  what:
    | "timeout"
    | "unreachable"
    | "refused"
    | "unreadable"
    | "aborted"
    | "key_in_browser"
    | "invalid_request";
  detail?: string;
  status?: number;
  problem?: Problem;
}

export interface DecisionReply extends Pick<Reply, "warnings"> {
  /** Empty if there was no response. */
  request_id: string;
  snapshot?: Reply["snapshot"];
  /** One decision per placement, by its key; always complete. */
  decisions: Record<string, Decision>;
  /** Set only if there was no response. */
  failure?: Failure;
}
