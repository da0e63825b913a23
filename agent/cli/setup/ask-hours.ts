/** Questions about opening hours. */
import type { Answers, Hours } from './answers.ts';
import type { Asker, Choice } from './asker.ts';
import { refusals } from './refusal.ts';

const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];
const NAMES: Record<string, string> = {
  daily: 'Every day',
  'mon-fri': 'Monday to Friday',
  mon: 'Monday',
  tue: 'Tuesday',
  wed: 'Wednesday',
  thu: 'Thursday',
  fri: 'Friday',
  sat: 'Saturday',
  sun: 'Sunday',
};
const USUAL = '09:00-20:00';
const HOW = 'such as 09:00-20:00, or 09:00-12:00, 13:00-18:00, or closed, or 24h';

type Form = 'keep' | 'workdays' | 'daily' | 'days' | 'always';

/** The week's hours, and the dates that differ. */
export async function askHours(asker: Asker, before: Answers): Promise<{ hours: Hours; exceptions: Hours }> {
  const hours = await askWeek(asker, before.hours);
  return { hours, exceptions: await askExceptions(asker, before.exceptions ?? {}) };
}

/** In one line. */
export function describeHours({ hours = {}, exceptions = {} }: Answers): string {
  const days = Object.entries(hours).map(([day, text]) => `${day} ${text}`);
  const dates = Object.keys(exceptions).length;
  return [...days, ...(dates === 0 ? [] : [dates === 1 ? '1 date differs' : `${dates} dates differ`])].join(', ');
}

async function askWeek(asker: Asker, before: Hours | undefined): Promise<Hours> {
  const choices: Choice<Form>[] = [
    ...(before ? [{ value: 'keep' as const, name: `As it is: ${describeHours({ hours: before })}` }] : []),
    { value: 'workdays', name: 'Monday to Friday, Saturday and Sunday differ' },
    { value: 'daily', name: 'Every day the same' },
    { value: 'days', name: 'Each day on its own' },
    { value: 'always', name: 'Always: 24 hours, every day' },
  ];
  const form = await asker.choose({ message: 'When is the store open?', choices });
  if (form === 'keep' && before) return before;
  if (form === 'always') return { daily: '24h' };
  const keys = form === 'daily' ? ['daily'] : form === 'days' ? DAYS : ['mon-fri', 'sat', 'sun'];
  if (keys.length > 0) asker.note(`  Hours are written ${HOW}.`);
  const hours: Hours = {};
  let last = USUAL;
  for (const key of keys) {
    const preset = before?.[key] ?? (key === 'sun' && form === 'workdays' ? 'closed' : last);
    last = await asker.text({ message: `${NAMES[key]}:`, default: preset, check: refusals.dayHours });
    hours[key] = last;
  }
  return hours;
}

async function askExceptions(asker: Asker, before: Hours): Promise<Hours> {
  const exceptions = { ...before };
  for (let more = false; ; more = true) {
    const known = Object.keys(exceptions).length;
    const message = more || known > 0 ? 'Another date that differs?' : 'Are there dates that differ, such as holidays?';
    if (!(await asker.confirm({ message, default: false }))) return exceptions;
    const date = await asker.text({
      message: 'Date, as 2026-12-24:',
      check: (text) => refusals.exceptions({ [text]: 'closed' }),
    });
    const text = await asker.text({
      message: `Hours on ${date} ("usual" for those of the week):`,
      default: exceptions[date] ?? 'closed',
      check: (words) => (words === 'usual' ? undefined : refusals.exceptions({ [date]: words })),
    });
    if (text === 'usual') delete exceptions[date];
    else exceptions[date] = text;
  }
}
