/** The response of `POST /v1/decisions` as a page reads it. */

import type * as api from "../package/src/api";

/** Any part may be missing or null, since the page must tolerate any response. */
export type Tolerant<T> = T extends (infer E)[]
  ? Tolerant<E>[]
  : T extends object
    ? { [K in keyof T]?: Tolerant<NonNullable<T[K]>> }
    : T;

export type Command = Tolerant<api.UnitCommand>;
export type Picture = Tolerant<api.UnitImage>;
export type Creative = Tolerant<api.UnitCreative>;
export type Decision = Tolerant<Omit<api.RenderedUnit, "fill">> & { fill?: boolean; reason?: string };

export interface Reply {
  request_id?: string;
  warnings?: unknown[];
  /** Of an error: its stable name, and what is wrong. */
  code?: string;
  detail?: unknown;
  decisions?: Record<string, Decision | undefined>;
}
