/** A planted fault: the bounds of the settings are not kept. */
import { Owner, type OwnerOptions } from '../../../agent/storage/owner.ts';
import { serveOwner } from '../../../agent/storage/serve.ts';

class UnboundedOwner extends Owner {
  constructor({ path, machineId }: OwnerOptions) {
    super({ path, machineId });
  }
}

serveOwner(UnboundedOwner);
