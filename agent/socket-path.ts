/** The path of a unix socket that is about to be served. */
import { lstatSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';

/**
 * Makes way at `path`: a socket that nobody serves any more is removed. `file`: something else is there. `answered`:
 * somebody serves it. Rejects where it cannot be told.
 */
export async function claimSocketPath(path: string): Promise<'free' | 'file' | 'answered'> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return 'free';
  if (!found.isSocket()) return 'file';
  if (await somebodyAnswers(path)) return 'answered';
  unlinkSync(path);
  return 'free';
}

function somebodyAnswers(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve(false);
      // A full backlog is a busy server, not a dead one.
      else if (error.code === 'EAGAIN') resolve(true);
      else reject(error);
    });
  });
}
