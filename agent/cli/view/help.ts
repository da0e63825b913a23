import { fold } from './width.ts';

/**
 * A help text for a terminal of `width` columns: the lines of a paragraph are set anew, headings and whatever is indented
 * (options, which are set already, and examples, which are to be copied) stay as they are.
 */
export function wrapHelp(text: string, width: number): string {
  const lines: string[] = [];
  let paragraph: string[] = [];
  const end = (): void => {
    if (paragraph.length > 0) lines.push(...fold(paragraph.join(' '), width));
    paragraph = [];
  };
  for (const line of text.split('\n')) {
    if (/^\S/.test(line)) paragraph.push(line);
    else {
      end();
      lines.push(line);
    }
  }
  end();
  return lines.join('\n');
}
