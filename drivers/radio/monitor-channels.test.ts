import { describe, expect, it } from 'vitest';
import type { IwRadio } from './iw.ts';
import { ChannelPlan } from './monitor-channels.ts';

const MINUTE = 60_000;
const RADIO: IwRadio = {
  monitor: true,
  channels: [
    { number: 1, mhz: 2412, disabled: false },
    { number: 6, mhz: 2437, disabled: false },
    { number: 11, mhz: 2462, disabled: false },
    { number: 14, mhz: 2484, disabled: true },
  ],
};

const turns = (plan: ChannelPlan, count: number, now = 0): (number | null)[] =>
  Array.from({ length: count }, () => plan.next(now));

describe('the channels of a radio', () => {
  it('are set in turn', () => {
    const plan = new ChannelPlan([1, 6, 11, 6], RADIO);
    expect(turns(plan, 5)).toEqual([1, 6, 11, 1, 6]);
    expect(plan.note).toBe('channels 1, 6, 11 in turn');
  });

  it('are left alone where the settings name none', () => {
    const plan = new ChannelPlan([], RADIO);
    expect(turns(plan, 2)).toEqual([null, null]);
    expect(plan.note).toBe('its channel is left alone');
  });

  it('that the adapter has not, or the country forbids, are left out and told', () => {
    const plan = new ChannelPlan([14, 1, 36, 40], RADIO);
    expect(turns(plan, 2)).toEqual([1, null]);
    expect(plan.note).toBe(
      'channel 1; without 14: not allowed here (regulatory domain); without 36, 40: this adapter has no such channel',
    );
  });

  it('are all tried where it is not known what the adapter has', () => {
    expect(turns(new ChannelPlan([14, 36], null), 3)).toEqual([14, 36, 14]);
    expect(turns(new ChannelPlan([14, 36], { monitor: true, channels: [] }), 1)).toEqual([14]);
  });

  it('that are refused are left out, told, and tried again after a while', () => {
    const plan = new ChannelPlan([1, 6], RADIO);
    expect(plan.next(0)).toBe(1);
    plan.refuse(1, 'Device or resource busy (-16)', 0);
    expect(plan.next(1)).toBe(6);
    expect(plan.note).toBe('channel 6; without 1: Device or resource busy (-16)');
    plan.refuse(6, 'Device or resource busy (-16)', 1);
    expect(plan.next(9 * MINUTE)).toBeNull();
    expect(plan.note).toBe('no channel of the settings could be set; without 1, 6: Device or resource busy (-16)');
    expect(plan.next(10 * MINUTE)).toBe(1);
    expect(plan.note).toBe('channels 1, 6 in turn');
  });

  it('when there is one alone, is set each minute, as somebody else may change it', () => {
    const plan = new ChannelPlan([6], RADIO);
    expect([plan.next(0), plan.next(MINUTE - 1), plan.next(MINUTE)]).toEqual([6, null, 6]);
    plan.again();
    expect(plan.next(MINUTE)).toBe(6);
  });
});
