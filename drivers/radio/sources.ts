import type { Clock } from '../../agent/clock.ts';
import { AgentError } from '../../agent/errors.ts';
import type { RadioSource } from './source.ts';

/** What a source needs to know of its sensor. */
export interface RadioSensor {
  id: string;
  driver: string;
  /** Its adapter, such as `hci0`, `wlan1` or `auto`. */
  port: string;
  options: {
    /** wifi-monitor: channels listened to in turn, and seconds on each. */
    channels?: readonly number[];
    channelSeconds?: number;
  };
}

export interface RadioSurroundings {
  clock: Clock;
  /** Numbers from 0 to below 1. */
  random: () => number;
}

/** What a radio's driver listens with. Throws `sensor_not_radio` for a driver that needs no helper. */
export async function openRadioSource(sensor: RadioSensor, { clock, random }: RadioSurroundings): Promise<RadioSource> {
  if (sensor.driver === 'ble-hci') {
    const { BluetoothSource } = await import('./bluetooth.ts');
    return new BluetoothSource({ adapter: sensor.port, clock, random });
  }
  if (sensor.driver === 'wifi-monitor') {
    const { MonitorSource } = await import('./monitor.ts');
    return new MonitorSource({ adapter: sensor.port, ...sensor.options, clock, random });
  }
  throw new AgentError(
    'sensor_not_radio',
    `expected a sensor with a radio, found "${sensor.id}" with the driver ${sensor.driver}, which needs no radio helper`,
    'Stop its helper: systemctl disable --now footfall-radio@ID',
  );
}
