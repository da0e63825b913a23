/** What nmcli's failures mean, and what to do; none of it names a network. */
import { AgentError } from '../errors.ts';
import type { NmcliResult } from './nmcli.ts';

/** Exit codes of nmcli(1). */
const EXIT = { timeout: 3, activationFailed: 4, managerDown: 8, notFound: 10 };

/** @param seconds for which nmcli waited. */
export function joinFailureOf(result: NmcliResult, seconds: number): AgentError {
  const said = `${result.out}\n${result.err}`;
  if (result.code === EXIT.notFound || /Wi-Fi network could not be found/.test(said)) return notFound();
  // Words of NMDeviceStateReason: secrets, and the ways in which the supplicant gives up.
  if (/ecrets were required|No valid secrets|supplicant|property is invalid/i.test(said)) {
    return wrongPassword('the network did not take this password');
  }
  if (result.code === EXIT.timeout || result.code === EXIT.activationFailed) {
    const why = result.code === EXIT.timeout ? `not done within ${seconds} s` : 'the connection failed';
    const hint = 'Is the signal strong enough: footfall wifi list. The log says more: journalctl -u NetworkManager';
    return new AgentError('join_failed', `expected to be in the network, found: ${why}`, hint);
  }
  return failureOf(result);
}

export function notFound(): AgentError {
  const hint = 'Compare with: footfall wifi list. A network that hides its name: --hidden';
  return new AgentError('network_not_found', 'expected to hear a network of this name, heard none', hint);
}

export function wrongPassword(found: string): AgentError {
  return new AgentError('password_wrong', found, 'Mind capitals; a password of WPA has 8 to 63 characters.');
}

export function failureOf({ code, out, err }: NmcliResult): AgentError {
  const said = `${out}\n${err}`;
  if (code === EXIT.managerDown || /not create NMClient|NetworkManager is not running/.test(said)) {
    return new AgentError(
      'network_manager_down',
      'expected NetworkManager to be running, found that it is not',
      "Start it: sudo systemctl enable --now NetworkManager. Or this box's network is configured by other means.",
    );
  }
  if (/No Wi-Fi device found|is not a Wi-Fi device/.test(said)) return noAdapter();
  if (/not authori[sz]ed|Insufficient privileges/i.test(said)) return denied();
  const hint = 'The log says more: journalctl -u NetworkManager';
  // What nmcli says can name the network.
  return new AgentError('wifi_failed', `nmcli ended with code ${code}`, hint);
}

export function noAdapter(): AgentError {
  return new AgentError(
    'wifi_missing',
    'expected a Wi-Fi adapter, found none that NetworkManager knows',
    'Plug one in, or see whether it is switched off: rfkill list. An adapter that a sensor uses does not count.',
  );
}

export function denied(): AgentError {
  return new AgentError('wifi_denied', 'this user may not change the network', 'Run the same command with sudo.');
}
