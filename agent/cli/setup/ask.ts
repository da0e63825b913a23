/** The dialogue: whatever is missing is asked in turn, then everything can be looked over and changed. */
import { cut } from '../view/width.ts';
import { type Answers, gatewayFromHost } from './answers.ts';
import { askBroker } from './ask-broker.ts';
import { askHours, describeHours } from './ask-hours.ts';
import { askSensors } from './ask-sensors.ts';
import type { Asker, Choice } from './asker.ts';
import type { FoundPort } from './ports.ts';
import { refusals } from './refusal.ts';

/** What is known of the machine, for suggestions. */
export interface Surroundings {
  hostname: string;
  /** IANA time zone of the machine. */
  timeZone: string;
  ports: FoundPort[];
  /** Where a password that is typed will be kept. */
  passwordFile: string;
}

export interface Draft {
  answers: Answers;
  /** A broker password that was typed, for `passwordFile`; never part of the settings. */
  password?: string;
}

const PARTS = ['names', 'place', 'hours', 'sensors', 'broker'] as const;
type Part = (typeof PARTS)[number];

const TITLES: Record<Part, string> = {
  names: 'Names',
  place: 'Time zone',
  hours: 'Opening hours',
  sensors: 'Sensors',
  broker: 'Broker',
};
/** Columns of the summary that the list's own marks leave free at 80. */
const SUMMARY_WIDTH = 58;

/** Asks whatever is missing. */
export async function askMissing(asker: Asker, draft: Draft, around: Surroundings): Promise<Draft> {
  let asked = draft;
  for (const part of PARTS) if (!isKnown(part, asked.answers)) asked = await ask[part](asker, asked, around);
  return asked;
}

/** Shows what is known so far; ends when nothing more is to be changed. */
export async function review(asker: Asker, draft: Draft, around: Surroundings): Promise<Draft> {
  for (let asked = draft; ; ) {
    const choices: Choice<Part | 'done'>[] = [
      { value: 'done', name: 'Nothing, go on' },
      ...PARTS.map((part) => ({
        value: part,
        short: TITLES[part],
        name: `${TITLES[part].padEnd(14)} ${cut(summaries[part](asked.answers), SUMMARY_WIDTH)}`,
      })),
    ];
    const part = await asker.choose<Part | 'done'>({ message: 'What should be changed?', choices, default: 'done' });
    if (part === 'done') return asked;
    asked = await ask[part](asker, asked, around);
  }
}

/** The broker alone, for a second try. */
export function askBrokerAgain(asker: Asker, draft: Draft, around: Surroundings): Promise<Draft> {
  return ask.broker(asker, draft, around);
}

function isKnown(part: Part, { tenant, gateway, store, timeZone, hours, sensors, broker }: Answers): boolean {
  const known: Record<Part, boolean> = {
    names: tenant !== undefined && gateway !== undefined && store !== undefined,
    place: timeZone !== undefined,
    hours: hours !== undefined,
    sensors: sensors !== undefined,
    broker: broker !== undefined,
  };
  return known[part];
}

const ask: Record<Part, (asker: Asker, draft: Draft, around: Surroundings) => Promise<Draft>> = {
  async names(asker, draft, { hostname }) {
    const { answers } = draft;
    const name = (message: string, preset: string | undefined, check: (text: string) => string | undefined) =>
      asker.text({ message, check, ...(preset === undefined ? {} : { default: preset }) });
    asker.note('  Names are lower-case letters, digits, "-" and "_", and travel with every figure.');
    const tenant = await name('Whose gateway is it (the tenant)?', answers.tenant, refusals.tenant);
    const preset = answers.gateway ?? gatewayFromHost(hostname);
    const gateway = await name('Name of this gateway:', preset, refusals.gateway);
    const store = await name('Name of the store:', answers.store ?? gateway, refusals.store);
    return { ...draft, answers: { ...answers, tenant, gateway, store } };
  },
  async place(asker, draft, around) {
    const timeZone = await asker.search({
      message: 'Time zone of the store (type to search):',
      default: draft.answers.timeZone ?? around.timeZone,
      find: (typed) => findZones(typed, draft.answers.timeZone ?? around.timeZone),
    });
    return { ...draft, answers: { ...draft.answers, timeZone } };
  },
  async hours(asker, draft) {
    return { ...draft, answers: { ...draft.answers, ...(await askHours(asker, draft.answers)) } };
  },
  async sensors(asker, draft, { ports }) {
    return {
      ...draft,
      answers: { ...draft.answers, sensors: await askSensors(asker, draft.answers.sensors ?? [], ports) },
    };
  },
  async broker(asker, draft, { passwordFile }) {
    const { password, ...rest } = draft;
    const asked = await askBroker(asker, draft.answers.broker, passwordFile, password);
    const kept = asked.password === undefined ? {} : { password: asked.password };
    return { ...rest, ...kept, answers: { ...draft.answers, broker: asked.broker } };
  },
};

const summaries: Record<Part, (answers: Answers) => string> = {
  names: ({ tenant, gateway, store }) => `${tenant}/${gateway}, store ${store}`,
  place: ({ timeZone }) => String(timeZone),
  hours: describeHours,
  sensors: ({ sensors = [] }) => sensors.map(({ id }) => String(id)).join(', '),
  broker: ({ broker }) => (broker ? `${broker.url}${broker.username ? `, user ${broker.username}` : ''}` : 'none'),
};

/** Zones that hold what was typed, those whose place begins with it first; also an older or newer name of a zone. */
export function findZones(typed: string | undefined, first: string): string[] {
  const zones = [...new Set([first, 'UTC', ...Intl.supportedValuesOf('timeZone')])];
  const words = (typed ?? '').trim().toLowerCase().replace(/\s+/g, '_');
  if (words === '') return zones;
  const found = zones.filter((zone) => zone.toLowerCase().includes(words));
  const begins = (zone: string) =>
    zone
      .toLowerCase()
      .split('/')
      .some((part) => part.startsWith(words));
  const sorted = [...found.filter(begins), ...found.filter((zone) => !begins(zone))];
  const other = typed?.trim() ?? '';
  return sorted.length === 0 && refusals.timeZone(other) === undefined ? [other] : sorted;
}
