import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { StatusDocument } from '../../local/document.ts';
import { startLocalServer } from '../../local/server.ts';
import * as collect from '../collect.ts';
import * as completion from '../completion.ts';
import * as config from '../config.ts';
import * as doctor from '../doctor.ts';
import * as setup from '../setup.ts';
import * as status from '../status.ts';
import * as bundle from '../support-bundle.ts';
import * as tail from '../tail.ts';
import { well } from '../view/samples.fixture.ts';
import * as wifi from '../wifi.ts';
import { bashScript } from './bash.ts';
import { shapesOf } from './shape.ts';
import { zshScript } from './zsh.ts';

const scratch = mkdtempSync(join(tmpdir(), 'completion-'));
const environment = {
  PATH: `${scratch}${delimiter}${process.env.PATH}`,
  HOME: scratch,
  TERM: 'dumb',
  LC_ALL: 'C.UTF-8',
};
afterAll(() => rmSync(scratch, { recursive: true }));

function program(): Command {
  const whole = new Command('footfall').description('counts').version('1.2.3');
  for (const verb of [status, tail, doctor, setup, config, collect, wifi, bundle]) verb.register(whole);
  completion.register(whole, async () => whole);
  return whole;
}

beforeAll(() => {
  const shapes = shapesOf(program());
  writeFileSync(join(scratch, 'footfall.bash'), bashScript('footfall', shapes));
  mkdirSync(join(scratch, 'functions'));
  writeFileSync(join(scratch, 'functions', '_footfall'), zshScript('footfall', shapes));
  // Stands in for the command in the question for sensors, and tells what it was asked with.
  const asked = join(scratch, 'asked');
  writeFileSync(
    join(scratch, 'footfall'),
    `#!/bin/sh\necho "$*" > ${asked}\nprintf 'front-wifi\\nfront-door\\ntill\\n'\n`,
    {
      mode: 0o755,
    },
  );
  mkdirSync(join(scratch, 'here', 'shops'), { recursive: true });
  writeFileSync(join(scratch, 'here', 'shop one.yaml'), '');
});

const missing = (program: string): boolean => spawnSync(program, ['--version']).status !== 0;

/** What bash offers when the Tab key is pressed at the end of these words, by its own machinery. */
function offered(...words: string[]): string[] {
  const script = `
    source "$HOME/footfall.bash"
    cd "$HOME/here"
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
    $(complete -p footfall | sed 's/.*-F \\([^ ]*\\) .*/\\1/') footfall
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { status, stdout, stderr } = spawnSync('bash', ['--norc', '-uc', script, 'bash', ...words], {
    env: environment,
    encoding: 'utf8',
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout.split('\n').filter((line) => line !== '');
}

describe('the completion of bash', () => {
  it('offers every verb, and those that begin as typed', () => {
    const all = shapesOf(program())[0]?.commands.map(({ name }) => name) ?? [];
    expect(all.length).toBeGreaterThan(8);
    expect(offered('footfall', '').sort()).toEqual(all.sort());
    expect(offered('footfall', 'st')).toEqual(['status']);
    expect(offered('footfall', 'nothing')).toEqual([]);
  });

  it('offers the verbs below a verb, and what stands in their place', () => {
    expect(offered('footfall', 'wifi', '')).toEqual(['list', 'join']);
    expect(offered('footfall', 'wifi', 'join', '--password-file', 'shop')).toEqual(['shops', 'shop one.yaml']);
    expect(offered('footfall', 'completion', '')).toEqual(['bash', 'zsh']);
    expect(offered('footfall', 'collect', '--database', 'x', 're')).toEqual(['report']);
  });

  it('offers options where one is begun', () => {
    expect(offered('footfall', 'support-bundle', '--l')).toEqual(['--list']);
    expect(offered('footfall', 'wifi', 'join', 'name', '--')).toEqual(
      expect.arrayContaining(['--open', '--hidden', '--password-file', '--help']),
    );
    expect(offered('footfall', 'status', '--se')).toEqual(['--settings']);
  });

  it('offers choices, the second of several too', () => {
    expect(offered('footfall', 'doctor', '--only', 'st')).toEqual(['storage']);
    expect(offered('footfall', 'doctor', '--only', 'storage', 'cl')).toEqual(['clock']);
    expect(offered('footfall', 'doctor', '--only', 'storage', '--off')).toEqual(['--offline']);
  });

  it('offers files and directories for what takes them, behind an equals sign as well', () => {
    expect(offered('footfall', 'status', '--settings', 'sh').sort()).toEqual(['shop one.yaml', 'shops']);
    expect(offered('footfall', 'status', '--settings', '=', 'shop ').sort()).toEqual(['shop one.yaml']);
    expect(offered('footfall', 'setup', '--storage', 'sh')).toEqual(['shops']);
    expect(offered('footfall', 'config', 'check', 'shop').sort()).toEqual(['shop one.yaml', 'shops']);
  });

  it('asks the daemon that is meant for its sensors, at every place of tail', () => {
    expect(offered('footfall', 'tail', 'front-')).toEqual(['front-wifi', 'front-door']);
    expect(offered('footfall', 'tail', '--limit', '3', 'till', 'front-w')).toEqual(['front-wifi']);
    expect(offered('footfall', 'tail', '--socket', '/run/x.sock', 't')).toEqual(['till']);
    const asked = spawnSync('cat', [join(scratch, 'asked')], { encoding: 'utf8' }).stdout;
    expect(asked).toBe('completion words sensors --socket /run/x.sock\n');
  });
});

describe.skipIf(missing('zsh'))(`the completion of zsh${missing('zsh') ? ' (needs zsh)' : ''}`, () => {
  it('is read without a complaint', () => {
    const { status, stderr } = spawnSync('zsh', ['-n', join(scratch, 'functions', '_footfall')], { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  /** What a zsh at a terminal shows behind these keys and two Tabs, up to `awaited`. */
  function shown(keys: string, awaited: string): string {
    const script = `
      zmodload zsh/zpty
      zpty inner zsh -f -i
      zpty -w inner 'PS1=; PROMPT_EOL_MARK=; LISTMAX=1000; fpath=("$HOME/functions" $fpath)
        autoload -Uz compinit; compinit -u -d "$HOME/dump"; cd "$HOME/here"; print ready-"now"'
      zpty -r inner out '*ready-now*'
      zpty -w -n inner "$1"$'\\t\\t'
      zpty -r inner out "*$2*"
      print -r -- "$out"
      zpty -d inner`;
    const { stdout } = spawnSync('zsh', ['-f', '-c', script, 'zsh', keys, awaited], {
      env: { ...environment, COLUMNS: '200' },
      encoding: 'utf8',
      timeout: 10_000,
    });
    return stdout;
  }

  it('completes verbs, options with their descriptions, choices and sensors at a terminal', () => {
    for (const [keys, awaited] of [
      ['footfall sta', 'footfall status'],
      ['footfall doctor --only sto', '--only storage'],
      ['footfall wifi jo', 'wifi join'],
      ['footfall tail front-w', 'tail front-wifi'],
      ['footfall support-bundle --', 'show what would be in it, and write nothing'],
    ] as const) {
      expect(shown(keys, awaited), keys).toContain(awaited);
    }
  });
});

describe('the hidden question for words', () => {
  it('gives the ids of the daemon that is asked, and none that a shell could run', async () => {
    const path = join(scratch, 'footfall.sock');
    const sensors = ['front-wifi', '$(touch x)', 'till'].map((id) => ({ ...well.sensors[0], id }));
    const server = await startLocalServer({ path, routes: { status: () => ({ ...well, sensors }) as StatusDocument } });
    const printed: string[] = [];
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => printed.push(String(text)) > 0);
    await program().parseAsync(['completion', 'words', 'sensors', '--socket', path], { from: 'user' });
    vi.restoreAllMocks();
    await server.stop();
    expect(printed.join('')).toBe('front-wifi\ntill\n');
  });

  it('is silent where no daemon answers, and not in the help', async () => {
    const main = program().exitOverride();
    await main.parseAsync(['completion', 'words', 'sensors', '--socket', join(scratch, 'none.sock')], { from: 'user' });
    const shape = shapesOf(main).find(({ path }) => path.join(' ') === 'completion');
    expect(shape?.commands).toEqual([]);
  });
});
