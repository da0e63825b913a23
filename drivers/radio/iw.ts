/** What `iw` prints, as far as it is needed (iw 4.9 to 6.x; its authors promise no format, so everything else is skipped). */

export interface IwInterface {
  /** Its radio, as in sysfs: `phy0`. */
  phy: string;
  name: string;
  /** As `managed`, `monitor`, `AP`, `mesh point`. */
  type: string;
  /** Belongs to a network, which has a name. */
  connected: boolean;
}

export interface IwRadio {
  /** Can be set to monitor mode. */
  monitor: boolean;
  channels: IwChannel[];
}

export interface IwChannel {
  /** 802.11 channel number. */
  number: number;
  mhz: number;
  /** The hardware has it, and the regulatory domain forbids it. */
  disabled: boolean;
}

/** The lowest frequency of the 6 GHz band, whose channels have the numbers of the others anew. */
const SIX_GHZ = 5_925;

/** The interfaces of `iw dev`; those without a name (P2P devices) are left out. */
export function interfacesIn(text: string): IwInterface[] {
  const interfaces: IwInterface[] = [];
  for (const part of text.split(/^phy#/m).slice(1)) {
    const phy = /^\d+/.exec(part)?.[0];
    if (phy === undefined) continue;
    // What follows `Unnamed/non-netdev interface` is none of the interface's before it.
    for (const one of part.split(/^\s+(?=Interface |Unnamed)/m).slice(1)) {
      const name = /^Interface (\S+)/.exec(one)?.[1];
      if (name === undefined) continue;
      const type = /^\s+type (.+?)\s*$/m.exec(one)?.[1] ?? '';
      interfaces.push({ phy: `phy${phy}`, name, type, connected: /^\s+ssid /m.test(one) });
    }
  }
  return interfaces;
}

/** The one radio of `iw phy phyN info`; null where the text is none of it. */
export function radioIn(text: string): IwRadio | null {
  const modes = /^\s*Supported interface modes:\s*\n((?:\s*\* .*\n?)*)/m.exec(text)?.[1];
  if (modes === undefined) return null;
  const channels: IwChannel[] = [];
  for (const [, mhz, number, rest] of text.matchAll(/^\s*\* (\d{4,5})(?:\.\d+)? MHz \[(\d+)\](.*)$/gm)) {
    if (Number(mhz) >= SIX_GHZ) continue;
    channels.push({ number: Number(number), mhz: Number(mhz), disabled: rest.includes('(disabled)') });
  }
  return { monitor: /^\s*\* monitor\s*$/m.test(modes), channels };
}
