/** Entry of the storage thread. */
import { Owner } from './owner.ts';
import { serveOwner } from './serve.ts';

serveOwner(Owner);
