import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Adapter, adaptersOf, chooseAdapter, machineFiles, switchOf } from './adapters.ts';
import { ScriptedSysfs } from './sysfs.fixture.ts';

const adapter = (index: number, place: string | null): Adapter => ({
  name: `hci${index}`,
  index,
  place,
  plugged: index,
});

describe('the adapters of the machine', () => {
  it('are those of sysfs, by index, without their connections', () => {
    const sysfs = new ScriptedSysfs();
    for (const [name, place] of [
      ['hci10', '/usb/1-2'],
      ['hci2', '/usb/1-1'],
      ['hci2:64', '/none'],
    ]) {
      sysfs.plugIn(name, place);
    }
    expect(adaptersOf(sysfs)).toMatchObject([
      { name: 'hci2', index: 2, place: '/usb/1-1' },
      { name: 'hci10', index: 10, place: '/usb/1-2' },
    ]);
    sysfs.unplug('hci2');
    sysfs.plugIn('hci2', '/usb/1-1');
    expect(adaptersOf(sysfs)?.[0].plugged).toBeGreaterThan(2);
  });

  it('are unknown where the kernel tells of none', () => {
    expect(adaptersOf(new ScriptedSysfs({ bluetooth: false }))).toBeNull();
    expect(adaptersOf(new ScriptedSysfs())).toEqual([]);
  });

  it.each([
    ['auto', [0, 1], null, 'hci0'],
    ['hci1', [0, 1], null, 'hci1'],
    ['hci2', [0, 1], null, null],
    ['auto', [], null, null],
    // Back under another name, where it was.
    ['hci0', [1], 1, 'hci1'],
    ['auto', [0, 1], 1, 'hci1'],
    ['hci0', [0, 1], 1, 'hci1'],
    // Not where it was: the name counts.
    ['hci0', [0, 1], 5, 'hci0'],
    ['hci0', [1], 5, null],
  ])('%s of %j, plugged in before at %j, is %j', (wanted, there, place, chosen) => {
    const before = place === null ? null : { ...adapter(9, `/usb/${place}`) };
    const adapters = there.map((index) => adapter(index, `/usb/${index}`));
    expect(chooseAdapter(wanted, adapters, before)?.name ?? null).toBe(chosen);
  });

  it('are not known again where they are plugged into nothing', () => {
    expect(chooseAdapter('hci0', [adapter(1, null)], adapter(0, null))).toBeNull();
  });

  it('are off by their own switch only', () => {
    const sysfs = new ScriptedSysfs();
    sysfs.plugIn('hci0', '/usb/1-1');
    sysfs.setSwitch('rfkill0', { type: 'wlan', owner: 'hci0', soft: true });
    sysfs.setSwitch('rfkill1', { owner: 'hci1', soft: true });
    expect(switchOf(sysfs, 'hci0')).toBe('on');
    expect(switchOf(sysfs, null)).toBe('off_by_software');
    sysfs.setSwitch('rfkill2', { owner: 'hci0', soft: true });
    expect(switchOf(sysfs, 'hci0')).toBe('off_by_software');
    sysfs.setSwitch('rfkill2', { owner: 'hci0', soft: true, hard: true });
    expect(switchOf(sysfs, 'hci0')).toBe('off_by_hardware');
  });
});

describe('the file system of the machine', () => {
  it('tells what there is, and of what there is not that it is not', () => {
    const folder = mkdtempSync(join(tmpdir(), 'footfall-sys-'));
    try {
      mkdirSync(join(folder, 'hci0'));
      expect(machineFiles.names(folder)).toEqual(['hci0']);
      expect(machineFiles.realpath(`${folder}/../${folder.split('/').at(-1)}/hci0`)).toBe(
        machineFiles.realpath(join(folder, 'hci0')),
      );
      expect(machineFiles.inode(join(folder, 'hci0'))).toBeGreaterThan(0);
      for (const ask of [machineFiles.names, machineFiles.text, machineFiles.realpath, machineFiles.inode]) {
        expect(ask(join(folder, 'none'))).toBeNull();
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
