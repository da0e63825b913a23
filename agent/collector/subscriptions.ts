/** What collectors that share the batches of a fleet subscribe to. */
import { COLLECTOR_SUBSCRIPTIONS } from '../contract/topics.ts';
import { AgentError } from '../errors.ts';

/**
 * Topic filters for MQTT 5 (4.8.2): each batch goes to one collector of the group. States go to all of them: a broker sends
 * retained messages to no shared subscription, and a state stored twice is the same state.
 * @throws AgentError `collector_group`
 */
export function sharedSubscriptions(group: string): readonly string[] {
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(group)) {
    throw new AgentError(
      'collector_group',
      `expected a group of 1 to 64 letters, digits, "_" and "-", found ${JSON.stringify(group.slice(0, 80))}`,
      'Give all collectors that share the work the same name, such as --group collectors.',
    );
  }
  return COLLECTOR_SUBSCRIPTIONS.map((filter) => (filter.endsWith('/batch') ? `$share/${group}/${filter}` : filter));
}
