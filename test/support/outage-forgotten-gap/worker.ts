/** A planted fault: what was dropped first, by a close or with a damaged database, is told to nobody. */
import { Owner } from '../../../agent/storage/owner.ts';
import { serveOwner } from '../../../agent/storage/serve.ts';
import type { Gap, Opened, WindowClose } from '../../../agent/storage/storage.ts';

class ForgetfulOwner extends Owner {
  #forgot = false;

  override open(): Opened {
    const opened = super.open();
    return { ...opened, gaps: this.#forget(opened.gaps) };
  }

  override closeWindow(close: WindowClose): Gap[] {
    return this.#forget(super.closeWindow(close));
  }

  #forget(gaps: Gap[]): Gap[] {
    const forgotten = this.#forgot ? undefined : gaps.find(({ toldIn }) => toldIn === null);
    if (forgotten === undefined) return gaps;
    this.#forgot = true;
    this.transaction(() => this.statements.deleteGap.run(forgotten.id));
    return gaps.filter(({ id }) => id !== forgotten.id);
  }
}

serveOwner(ForgetfulOwner);
