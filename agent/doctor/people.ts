/** Users and groups of the machine, and what the permission bits let them do. */
import { type FileFacts, type Machine, textOf } from './machine.ts';

/** The user the daemon runs as, or would. */
export interface Identity {
  name: string;
  uid: number;
  gids: readonly number[];
  /** How that is known. */
  source: 'daemon' | 'unit' | 'this user';
}

export type Want = 'r' | 'w' | 'rw' | 'rwx';

const BITS: Record<Want, number> = { r: 4, w: 2, rw: 6, rwx: 7 };

/** Whether the permission bits of one file let this user do that; the directories above are not looked at. */
export function mayUse(facts: FileFacts, { uid, gids }: Pick<Identity, 'uid' | 'gids'>, want: Want): boolean {
  if (uid === 0) return true;
  const shift = facts.uid === uid ? 6 : gids.includes(facts.gid) ? 3 : 0;
  return ((facts.mode >> shift) & BITS[want]) === BITS[want];
}

/** Names of users and groups by /etc/passwd and /etc/group; directories such as LDAP are not asked. */
export class People {
  readonly #users: string[][];
  readonly #groups: string[][];

  private constructor(users: string, groups: string) {
    this.#users = rows(users);
    this.#groups = rows(groups);
  }

  static async of(machine: Machine): Promise<People> {
    const [users, groups] = await Promise.all([textOf(machine, '/etc/passwd'), textOf(machine, '/etc/group')]);
    return new People(users ?? '', groups ?? '');
  }

  userName(uid: number): string {
    return this.#users.find((row) => row[2] === String(uid))?.[0] ?? String(uid);
  }

  groupName(gid: number): string {
    return this.#groups.find((row) => row[2] === String(gid))?.[0] ?? String(gid);
  }

  /** A user with all its groups, those in `extraGroups` (by name) included; null where there is no such user. */
  find(name: string, extraGroups: readonly string[], source: Identity['source']): Identity | null {
    const row = this.#users.find((each) => each[0] === name);
    if (row === undefined) return null;
    const groups = this.#groups.filter(
      (group) => extraGroups.includes(group[0]) || (group[3] ?? '').split(',').includes(name),
    );
    return { name, uid: Number(row[2]), gids: [Number(row[3]), ...groups.map((group) => Number(group[2]))], source };
  }

  /** A running process's user, by /proc/PID/status (proc(5)); null where there is no such process. */
  async ofProcess(machine: Machine, pid: number): Promise<Identity | null> {
    const status = await textOf(machine, `/proc/${pid}/status`);
    if (status === null) return null;
    // Real, effective, saved and file system id: files are opened with the last.
    const ids = (key: string) =>
      (new RegExp(`^${key}:\\s*(.*)$`, 'm').exec(status)?.[1] ?? '').split(/\s+/).map(Number);
    const uid = ids('Uid')[3];
    const gid = ids('Gid')[3];
    if (uid === undefined || gid === undefined) return null;
    return { name: this.userName(uid), uid, gids: [gid, ...ids('Groups')], source: 'daemon' };
  }
}

function rows(text: string): string[][] {
  return text.split('\n').flatMap((line) => (line.includes(':') ? [line.split(':')] : []));
}
