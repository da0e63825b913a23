/** The release, as told in `--version`, the state message and every batch. Equal to package.json (a test holds it so). */
export const VERSION = '0.1.0';
