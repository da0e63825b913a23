/** The way to the broker, tried with an identity of the doctor's own; else what the daemon says of it. */
import { AgentError } from '../errors.ts';
import type { UplinkSettings } from '../settings/settings.ts';
import type { BrokerTarget } from './broker-step.ts';
import { closedTo } from './client-certificate.ts';
import type { Context } from './context.ts';
import type { Finding } from './finding.ts';
import { ChapterReport, spanOf } from './report.ts';

const report = new ChapterReport('broker');

export async function* checkUplink(context: Context): AsyncGenerator<Finding> {
  const { settings, offline, deps, signal } = context;
  const check = { check: 'broker', tried: 'connection to the broker' };
  if (settings !== null && settings.uplink === undefined) {
    return void (yield report.skipped(check, 'the settings have no uplink: nothing is sent'));
  }
  if (offline) yield report.skipped(check, 'not tried (--offline)');
  else if (settings?.uplink === undefined) yield report.skipped(check, 'no settings that say where the broker is');
  else {
    const target = await targetOf(context, settings.uplink);
    if ('url' in target) return void (yield* deps.checkBroker(target, signal));
    yield target;
  }
  yield* tellUplink(context);
}

/** The target with what it is logged in with, or why that cannot be had. */
async function targetOf({ settings, deps, machine }: Context, uplink: UplinkSettings): Promise<BrokerTarget | Finding> {
  if (settings === null) throw new TypeError('an uplink without settings');
  const check = { check: 'broker_password', tried: 'read the password, to log in like the daemon' };
  let password: string | undefined;
  try {
    password = deps.readPassword(settings);
  } catch (error) {
    const found = error instanceof AgentError ? error.message : 'it cannot be read';
    return report.skipped(check, found, machine.user.uid === 0 ? '' : 'Look again as root: sudo footfall doctor');
  }
  const { certFile, keyFile } = uplink;
  const closed = await closedTo(
    machine,
    [certFile, keyFile].filter((file) => file !== undefined),
  );
  if (closed !== null) {
    const certificate = {
      check: 'broker_certificate',
      tried: 'read the client certificate, to log in like the daemon',
    };
    return report.skipped(certificate, `this user may not read ${closed}`, 'Look again as root: sudo footfall doctor');
  }
  return {
    url: uplink.url,
    tenant: settings.tenant,
    gateway: settings.gateway,
    ack: uplink.ack,
    ...(uplink.username !== undefined && { username: uplink.username }),
    ...(password !== undefined && { password }),
    ...(uplink.caFile !== undefined && { caFile: uplink.caFile }),
    ...(certFile !== undefined && { certFile }),
    ...(keyFile !== undefined && { keyFile }),
  };
}

function* tellUplink({ daemon }: Context): Generator<Finding> {
  if ('error' in daemon) return;
  const { uplink, at_ms } = daemon.document;
  const check = { check: 'uplink', tried: 'asked the daemon' };
  if (uplink.phase === 'off') return void (yield report.ok(check, 'its uplink is off'));
  const age = spanOf(at_ms - uplink.since);
  if (uplink.phase === 'connected') return void (yield report.ok(check, `connected to ${uplink.url} for ${age}`));
  const why = uplink.lastError === null ? '' : `: ${uplink.lastError}`;
  const mend = 'Check the network, then url and login under "uplink" in the settings.';
  yield report.warning(check, `not connected to ${uplink.url} for ${age}${why}`, mend);
}
