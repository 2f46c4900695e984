/** Campaigns: status, spend and delivery, with buttons to pause and resume. */

import { bar, element } from "../show";
import { button, byId, confirmButton, plain } from "./controls";
import { attempt, request } from "./request";
import { changed } from "./catalog";
import { stacked, type Line } from "./stacks";

interface Creative {
  id: string;
  headline?: string;
  state?: string;
  steps?: string[];
}

interface Flight {
  id: string;
  tier?: string;
  pricing?: string;
  price_micros?: number;
  paused?: boolean;
  status?: string;
  spent_today_micros?: number;
  delivered_impressions?: number;
  goals?: { event: string; goal: number; delivered: number }[];
  pace?: number;
  rotation?: string;
  creatives?: Creative[];
}

interface Campaign {
  id: string;
  name?: string;
  paused?: boolean;
  spent_micros?: number;
  spent_today_micros?: number;
  reserved_micros?: number;
  left_micros?: number;
  flights?: Flight[];
}

interface Overview {
  found?: number;
  left_off?: number;
  flights?: number;
  advertisers?: {
    id: string;
    name?: string;
    currency?: string;
    paused?: boolean;
    campaigns?: Campaign[];
  }[];
  publishers?: {
    id: string;
    name?: string;
    paused?: boolean;
    paused_paths?: string[];
    paused_topics?: string[];
  }[];
}

/** Frequent searches. */
const SHORTCUTS = ["paused", "budget spent", "paced", "no live creative", "draft"];

/** The unit of a price by pricing model. */
const PRICED_PER: Record<string, string> = {
  cpm: "1,000 impressions",
  vcpm: "1,000 viewable impressions",
  cpc: "click",
};

const HEADS = ["Name", "Status", "Pricing", "Spend today", "Remaining", "Delivered", ""];

/** An amount; up to six decimals below 1. */
const money = (micros: number | undefined, currency: string): string => {
  if (micros === undefined) return "no limit";
  const amount = micros / 1e6;
  const digits = amount && Math.abs(amount) < 1 ? 6 : 2;
  try {
    return amount.toLocaleString("en", {
      style: "currency",
      currency,
      minimumFractionDigits: 2,
      maximumFractionDigits: digits,
    });
  } catch {
    return `${amount} ${currency}`;
  }
};

/** A cell with kind, id and name. */
const named = (kind: string, id: string, name = ""): HTMLElement => {
  const made = element("div", "", "named");
  const first = element("span");
  first.append(element("span", kind, "kind"), element("code", id));
  made.append(first);
  if (name && name != id) made.append(element("span", name, "dim small"));
  return made;
};

const state = (word: string): HTMLElement => {
  const calm = ["open", "live", "paced", "approved"].includes(word);
  return element("span", plain(word), calm ? "tag" : "tag warn");
};

const pauses = (what: string, id: string, paused = false): HTMLElement => {
  const verb = paused ? "Resume" : "Pause";
  return confirmButton(
    verb,
    () => `${verb} ${what} ${id}? This takes effect immediately.`,
    async () => {
      await request("/v1/admin/pauses", { body: { what, id, paused: !paused } });
      await changed(`${paused ? "Resumed" : "Paused"} ${what} ${id}`, byId("campaigns-status"));
    },
    `${verb} ${what} ${id}`,
  );
};

const steps = (creative: Creative): HTMLElement => {
  const around = element("div", "", "steps");
  for (const to of creative.steps ?? []) {
    const step = confirmButton(
      `Set ${to}`,
      () => `Change creative ${creative.id} from ${creative.state} to ${to}?`,
      async () => {
        const path = `/v1/admin/creatives/${encodeURIComponent(creative.id)}/state`;
        await request(path, { body: { state: to } });
        await changed(`Creative ${creative.id} is ${to}`, byId("campaigns-status"));
      },
      `Set creative ${creative.id} to ${to}`,
    );
    around.append(step);
  }
  return around;
};

/** Tier and price of a flight. */
const terms = (flight: Flight, currency: string): HTMLElement => {
  const made = element("div", "", "named");
  const each = PRICED_PER[flight.pricing ?? ""] ?? plain(flight.pricing);
  const price = flight.price_micros
    ? `${money(flight.price_micros, currency)} per ${each}`
    : plain(flight.pricing);
  made.append(element("span", flight.tier), element("span", price, "dim small"));
  if ((flight.creatives ?? []).length > 1) {
    made.append(element("span", `creatives by rotation ${plain(flight.rotation)}`, "dim small"));
  }
  return made;
};

const delivered = (flight: Flight): HTMLElement => {
  const made = element("div", "", "named");
  const count = (flight.delivered_impressions ?? 0).toLocaleString("en");
  made.append(element("span", count));
  for (const { event, goal, delivered } of flight.goals ?? []) {
    const text = `${delivered.toLocaleString("en")} of ${goal.toLocaleString("en")} ${event}s`;
    made.append(element("span", text, "small"), bar(delivered / goal));
  }
  if (flight.pace !== undefined) {
    made.append(element("span", `pacing ${flight.pace.toFixed(2)}`, "dim small"));
  }
  return made;
};

const ofFlight = (flight: Flight, currency: string): Line[] => [
  [
    2,
    [
      named("flight", flight.id),
      state(flight.status ?? ""),
      terms(flight, currency),
      money(flight.spent_today_micros ?? 0, currency),
      "",
      delivered(flight),
      pauses("flight", flight.id, flight.paused),
    ],
  ],
  ...(flight.creatives ?? []).map((creative): Line => [
    3,
    [
      named("creative", creative.id, creative.headline),
      state(creative.state ?? ""),
      "",
      "",
      "",
      "",
      steps(creative),
    ],
  ]),
];

const ofCampaign = (campaign: Campaign, currency: string): Line[] => {
  const left = element("div", "", "named");
  left.append(element("span", money(campaign.left_micros, currency)));
  if (campaign.reserved_micros) {
    left.append(element("span", `${money(campaign.reserved_micros, currency)} reserved`, "dim small nowrap"));
  }
  const spent = element("div", "", "named");
  spent.append(
    element("span", money(campaign.spent_today_micros ?? 0, currency)),
    element("span", `${money(campaign.spent_micros ?? 0, currency)} total`, "dim small nowrap"),
  );
  return [
    [
      1,
      [
        named("campaign", campaign.id, campaign.name),
        campaign.paused ? state("paused") : "",
        "",
        spent,
        left,
        "",
        pauses("campaign", campaign.id, campaign.paused),
      ],
    ],
    ...(campaign.flights ?? []).flatMap((flight) => ofFlight(flight, currency)),
  ];
};

const sites = (overview: Overview): Node[] => {
  const found = overview.publishers ?? [];
  if (!found.length) return [];
  const lines = found.map((site): Line => {
    const paused = [...(site.paused_paths ?? []), ...(site.paused_topics ?? [])].join(", ");
    return [
      0,
      [
        named("publisher", site.id, site.name),
        site.paused ? state("paused") : state("open"),
        paused && `no units on: ${paused}`,
        pauses("publisher", site.id, site.paused),
      ],
    ];
  });
  return [element("h3", "Publishers"), stacked(["Name", "Status", "Paused paths and topics", ""], lines)];
};

/** Loads and shows the search result. Responses to earlier searches are ignored. */
let newest = 0;
export const campaigns = async (): Promise<void> => {
  const mine = ++newest;
  const search = byId<HTMLInputElement>("campaigns-search").value;
  await attempt("Loading campaigns failed", byId("campaigns-status"), async () => {
    const path = `/v1/admin/overview?search=${encodeURIComponent(search)}`;
    const { body } = await request<Overview>(path);
    if (mine != newest) return;
    const lines = (body.advertisers ?? []).flatMap((one): Line[] => [
      [
        0,
        [
          named("advertiser", one.id, one.name),
          one.paused ? state("paused") : "",
          "",
          "",
          "",
          "",
          pauses("advertiser", one.id, one.paused),
        ],
      ],
      ...(one.campaigns ?? []).flatMap((campaign) => ofCampaign(campaign, one.currency ?? "EUR")),
    ]);
    const more = body.left_off ? `; ${body.left_off} not shown, refine the search` : "";
    const count = `${body.found ?? 0} of ${body.flights ?? 0} flights${more}.`;
    const parts: Node[] = [element("p", count, "dim small")];
    if (lines.length) parts.push(stacked(HEADS, lines));
    byId("campaigns-content").replaceChildren(...parts, ...sites(body));
  });
};

/** Attaches the search field and its shortcuts. */
export const watchCampaigns = (): void => {
  const field = byId<HTMLInputElement>("campaigns-search");
  let soon = 0;
  field.addEventListener("input", () => {
    clearTimeout(soon);
    soon = setTimeout(() => void campaigns(), 250);
  });
  for (const word of ["", ...SHORTCUTS]) {
    const press = () => {
      field.value = word;
      void campaigns();
    };
    byId("campaigns-shortcuts").append(button(word || "all", press));
  }
  byId("campaigns-refresh").addEventListener("click", () => void campaigns());
};
