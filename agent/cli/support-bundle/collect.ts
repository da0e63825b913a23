/** Everything that goes into a bundle: gathered at once, looked over for what must not leave the box, and listed. */
import { hostname } from 'node:os';
import { realMachine } from '../../doctor/machine.ts';
import { AgentError, reasonOf } from '../../errors.ts';
import { VERSION } from '../../version.ts';
import { daemonSources } from './daemon-sources.ts';
import { doctorSource } from './doctor-source.ts';
import { addressesIn, maskAddresses } from './mask-addresses.ts';
import { maskKnown, maskUrls } from './mask-secrets.ts';
import { findPlaces } from './places.ts';
import { knownSecrets, settingsSources } from './settings-sources.ts';
import { asJson } from './source.ts';
import { ownAddresses, systemSources } from './system-sources.ts';

export interface BundleOptions {
  settings?: string;
  socket?: string;
}

/** What the last look over a file masked. Own addresses may be there, in names of adapters; nothing else is expected. */
export interface MaskCounts {
  addresses: number;
  networks: number;
  secrets: number;
  own_addresses: number;
}

export interface BundleFile {
  name: string;
  why: string;
  text: string;
  masked: MaskCounts;
}

export interface Bundle {
  /** The manifest first. */
  files: BundleFile[];
  /** What could not be had. */
  missing: { name: string; why: string; reason: string }[];
  /** How many texts were masked that should not have been there: above 0 it is a fault of the product. */
  unexpected: number;
  /** Names the box in the name of the file; `unknown` where no settings tell. */
  gateway: string;
}

export interface CollectDeps {
  /** UTC milliseconds. */
  nowMs: number;
  environment: NodeJS.ProcessEnv;
  /** Ends the programs that were started. */
  signal: AbortSignal;
  /** Told whenever a part has come or failed: those that are still awaited. */
  onProgress(awaited: readonly string[]): void;
}

export async function collect(options: BundleOptions, deps: CollectDeps): Promise<Bundle> {
  const { nowMs, environment, signal } = deps;
  const machine = realMachine(signal);
  const places = await findPlaces(options, environment);
  const sources = [
    ...daemonSources(places, machine),
    doctorSource(options),
    ...settingsSources(places, nowMs),
    ...systemSources(places, machine),
  ];
  const awaited = new Set(sources.map(({ name }) => name));
  deps.onProgress([...awaited]);
  const gathered = await Promise.all(
    sources.map(async (source) => {
      const text = await source.gather().catch((error: unknown) => ({ reason: reasonFor(error) }));
      awaited.delete(source.name);
      deps.onProgress([...awaited]);
      return { source, text };
    }),
  );
  const secrets = await knownSecrets(places, environment);
  const ports = (places.settings?.sensors ?? []).flatMap(({ port }) => [...addressesIn(port)]);
  const known = { own: new Set([...(await ownAddresses(machine)), ...ports]), harmless: harmlessWords() };
  const look = (text: string) => lookOver(text, secrets, known);
  const files: BundleFile[] = [];
  const missing: Bundle['missing'] = [];
  for (const { source, text } of gathered) {
    const { name, why } = source;
    if (typeof text === 'string') files.push({ name, why, ...look(text) });
    else missing.push({ name, why, reason: look(text.reason).text });
  }
  const unexpected = files.reduce((sum, { masked }) => sum + masked.addresses + masked.networks + masked.secrets, 0);
  const manifest = manifestOf({ nowMs, files, missing, unexpected });
  const head = { name: 'manifest.json', why: 'what is in here, what is not and why', ...look(manifest) };
  return { files: [head, ...files], missing, unexpected, gateway: places.settings?.gateway ?? 'unknown' };
}

/** @returns the text with what must not leave the box masked, and how often that was needed. */
export function lookOver(
  text: string,
  secrets: readonly string[],
  known: { own: ReadonlySet<string>; harmless: ReadonlySet<string> },
): Pick<BundleFile, 'text' | 'masked'> {
  const urls = maskUrls(text);
  const exact = maskKnown(urls.text, secrets);
  const { text: clean, addresses, own, networks } = maskAddresses(exact.text, known);
  return {
    text: clean,
    masked: { addresses, networks, secrets: urls.masked + exact.masked, own_addresses: own },
  };
}

function manifestOf({ nowMs, files, missing, unexpected }: Omit<Bundle, 'gateway'> & { nowMs: number }): string {
  return asJson({
    v: 1,
    made: new Date(nowMs).toISOString(),
    made_ms: nowMs,
    versions: { footfall: VERSION, node: process.versions.node, sqlite: process.versions.sqlite },
    files: files.map(({ name, why, text, masked }) => ({ name, bytes: Buffer.byteLength(text), why, masked })),
    missing,
    masked_unexpectedly: unexpected,
    note:
      'Never in here: the database, the key of the day, hashes of devices, passwords. "masked" counts what the last look ' +
      'took out; addresses, networks and secrets are expected to be 0, and anything else is a fault worth telling.',
  });
}

/** A container's host name is twelve hexadecimal digits. */
function harmlessWords(): ReadonlySet<string> {
  return new Set([hostname().toLowerCase()]);
}

function reasonFor(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  if (error instanceof AgentError || code === undefined) return reasonOf(error);
  if (code === 'ENOENT') return 'there is no such file';
  if (code === 'EACCES' || code === 'EPERM') return 'this user may not read it; run it with sudo';
  return reasonOf(error);
}
