import { describe, it } from 'vitest';
import { type Broken, expectTold } from './broken.fixture.ts';

const BROKEN: Broken[] = [
  {
    name: 'a key written twice',
    edits: [['    baud: 921600', '    baud: 921600\n    baud: 115200']],
    told: ['f.yaml:12:5: the key "baud" is written twice; keep one'],
  },
  {
    name: 'a quote left open',
    edits: [['"09:00-18:00"', '"09:00-18:00']],
    told: ['f.yaml:6:41: the quote or bracket that opens here is not closed where it should be'],
  },
  {
    name: 'a tab as indentation',
    edits: [['  level: info', '\tlevel: info']],
    told: ['f.yaml:22:1: a tab cannot indent; use spaces'],
  },
  {
    name: 'a value with a colon',
    edits: [['level: info', 'level: info: debug']],
    told: ['f.yaml:22:10: a map cannot start here; a value that holds ": " needs quotes, a nested key its own line'],
  },
  {
    name: 'keys out of line',
    edits: [['  window_minutes: 15', '  window_minutes: 15\n grace_seconds: 5']],
    told: ['f.yaml:19:1: wrong indentation; the keys of one map start in the same column'],
  },
  {
    name: 'a second document',
    edits: [['log:', '---\nlog:']],
    told: ['f.yaml:21:1: expected one document, found a second one after "---"'],
  },
  {
    name: 'an alias without an anchor',
    edits: [['tenant: acme', 'tenant: *acme']],
    told: ['f.yaml:1:9: this alias has no anchor before it; a value that starts with * needs quotes'],
  },
  {
    name: 'a bracket left open',
    edits: [['sun: closed }', 'sun: closed']],
    told: ['f.yaml:6:10: the quote or bracket that opens here is not closed where it should be'],
  },
  {
    name: 'a reserved character',
    edits: [['level: info', 'level: @info']],
    told: ['f.yaml:22:10: a value cannot start with this character; put it in quotes'],
  },
  {
    name: 'a quote closed by the next',
    edits: [['"09:00-20:00"', '"09:00-20:00']],
    told: ['f.yaml:6:41: this does not fit here; check quotes, brackets and indentation'],
  },
  {
    name: 'a map as a key',
    edits: [['level: info', '? { a: b }\n  : info']],
    told: ['f.yaml:22:5: a key must be a plain text'],
  },
  {
    name: 'an unknown escape',
    edits: [['level: info', 'level: "a\\qb"']],
    told: ['f.yaml:22:12: unknown escape in a double-quoted text; use single quotes'],
  },
  {
    name: 'a comma forgotten',
    edits: [['"09:00-18:00",', '"09:00-18:00"']],
    told: [
      'f.yaml:6:41: a block cannot start inside { } or [ ]',
      'f.yaml:6:55: this does not fit here; check quotes, brackets and indentation',
    ],
  },
];

describe('a broken settings file: YAML', () => {
  it.each(BROKEN)('tells of $name', expectTold);
});
