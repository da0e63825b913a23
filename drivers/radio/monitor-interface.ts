import type { SysFiles } from './adapters.ts';
import type { Trouble } from './bluetooth-words.ts';
import { type IwRadio, interfacesIn, radioIn } from './iw.ts';
import type { MonitorPrograms, Tool } from './monitor-programs.ts';
import { defaultRoutesOf, mayAdminister, type Phy, type WirelessInterface, wirelessOf } from './monitor-sysfs.ts';
import { cannotListen, inUse, mayNot, troubleOfTool } from './monitor-words.ts';

/** What a name of an interface has room for (IFNAMSIZ of if.h, less its end). */
const LONGEST_NAME = 15;

export interface Surroundings {
  files: SysFiles;
  programs: MonitorPrograms;
}

export interface Prepared {
  /** An interface in monitor mode that is up. */
  name: string;
  /** Null where it is not known what the radio can, for want of iw. */
  radio: IwRadio | null;
  /** Its channel may be set. */
  tunable: boolean;
}

/** Who uses the radio already; null where nobody does. */
export function userOf(files: SysFiles, { name: phy }: Phy): Trouble | null {
  const routes = defaultRoutesOf(files);
  for (const { name, phy: of, connected, monitor } of wirelessOf(files)) {
    if (of !== phy || monitor) continue;
    if (routes.has(name)) return inUse(name, phy, 'carries the default route');
    if (connected) return inUse(name, phy, 'is connected to a network');
  }
  return null;
}

/**
 * Gives an interface of the radio that is in monitor mode and up: one that is, or the one that the settings name, or a
 * new one. A radio that somebody uses is never touched. Without CAP_NET_ADMIN nothing is changed, only looked at.
 */
export async function prepareInterface(phy: Phy, wanted: string, around: Surroundings): Promise<Prepared | Trouble> {
  const { files, programs } = around;
  const used = userOf(files, phy);
  if (used !== null) return used;
  const listening = monitorOf(files, phy, wanted);
  const told = await programs.run('iw', ['phy', phy.name, 'info']);
  const radio = told.code === 0 ? radioIn(told.out) : null;
  const tunable = radio !== null && mayAdminister(files);
  if (listening?.up) return { name: listening.name, radio, tunable };
  if (told.code !== 0) return troubleOfTool('iw', told, `look at ${phy.name}`);
  if (listening === undefined && radio?.monitor !== true) return cannotListen(phy.name);
  const trouble =
    listening === undefined
      ? await makeMonitor(phy, wanted, around)
      : await change(around, `set ${listening.name} up`, [['ip', 'link', 'set', listening.name, 'up']]);
  if (trouble !== null) return trouble;
  const made = monitorOf(files, phy, wanted);
  if (made?.up) return { name: made.name, radio, tunable };
  const detail = `an interface of ${phy.name} was set to monitor mode, and is not: another program may use it`;
  return { state: 'failed', detail };
}

/** An interface in monitor mode, the one that is named before others. */
function monitorOf(files: SysFiles, { name: phy }: Phy, wanted: string): WirelessInterface | undefined {
  const monitors = wirelessOf(files).filter((each) => each.phy === phy && each.monitor);
  return monitors.find(({ name }) => name === wanted) ?? monitors.find(({ up }) => up) ?? monitors[0];
}

async function makeMonitor(phy: Phy, wanted: string, around: Surroundings): Promise<Trouble | null> {
  const told = await around.programs.run('iw', ['dev']);
  if (told.code !== 0) return troubleOfTool('iw', told, 'list the interfaces');
  const mine = interfacesIn(told.out).filter((each) => each.phy === phy.name);
  const user = mine.find(({ connected, type }) => connected || (type !== 'managed' && type !== 'IBSS'));
  if (user !== undefined) {
    return inUse(user.name, phy.name, user.connected ? 'is connected to a network' : `is used as ${user.type}`);
  }
  const base = mine.find(({ name }) => name === wanted) ?? mine[0];
  const added = addedName(base?.name ?? wanted, phy);
  const adding: Command[] = [
    ['iw', 'phy', phy.name, 'interface', 'add', added, 'type', 'monitor'],
    ['ip', 'link', 'set', added, 'up'],
  ];
  if (base === undefined) return change(around, `add ${added}`, adding);
  const setting: Command[] = [
    ['ip', 'link', 'set', base.name, 'down'],
    ['iw', 'dev', base.name, 'set', 'type', 'monitor'],
    ['ip', 'link', 'set', base.name, 'up'],
  ];
  const trouble = await change(around, `set ${base.name} to monitor mode`, setting);
  // Some drivers cannot change the type of an interface, and have another beside it.
  return trouble?.state === 'failed' ? change(around, `add ${added}`, adding) : trouble;
}

/** `wlan1mon`, as airmon-ng has made it a custom; `mon1` where there is no room. */
function addedName(base: string, { name: phy }: Phy): string {
  if (base.endsWith('mon')) return base;
  const stem = base === phy ? phy.replace('phy', 'wlan') : base;
  return stem.length + 3 <= LONGEST_NAME ? `${stem}mon` : phy.replace('phy', 'mon');
}

type Command = [Tool, ...string[]];

/** @param what for people: what the commands do, one after the other. */
async function change({ files, programs }: Surroundings, what: string, commands: Command[]): Promise<Trouble | null> {
  if (!mayAdminister(files)) {
    return mayNot(
      what,
      commands.map((words) => words.join(' ')),
    );
  }
  for (const [tool, ...words] of commands) {
    const result = await programs.run(tool, words);
    if (result.code !== 0) return troubleOfTool(tool, result, what);
  }
  return null;
}

/** Sets an interface down and up, which lets its driver begin anew. */
export function cycle(name: string, around: Surroundings): Promise<Trouble | null> {
  return change(around, `set ${name} down and up`, [
    ['ip', 'link', 'set', name, 'down'],
    ['ip', 'link', 'set', name, 'up'],
  ]);
}
