import { describe, expect, it } from 'vitest';
import { wrapHelp } from './help.ts';

describe('a help text', () => {
  const text = `
Looks at everything there is, and says of each thing
what was found.

Exit codes: 0 well, 1 not well.

Examples:
  footfall look --with --many --options --that --make --a --long --line
`;

  it('is set anew for the width of the terminal, paragraph by paragraph', () => {
    expect(wrapHelp(text, 30)).toBe(`
Looks at everything there is,
and says of each thing what
was found.

Exit codes: 0 well, 1 not
well.

Examples:
  footfall look --with --many --options --that --make --a --long --line
`);
    expect(wrapHelp(text, 200)).toContain('Looks at everything there is, and says of each thing what was found.\n');
  });

  it('stays as it is where it fits', () => {
    for (const fitting of ['', '\n', '0.1.0\n', 'Usage: footfall look\n\nOptions:\n  -h  help\n']) {
      expect(wrapHelp(fitting, 80)).toBe(fitting);
    }
  });
});
