import type { Rejection } from '../../agent/readings.ts';
import { createCounts } from '../counts.ts';
import type { Decoder, DecoderCounts, DecoderOptions, Driver, ReadingSink } from '../driver.ts';
import { SourceTime } from '../source-time.ts';
import { ANY_LINK_TYPE, FrameReader, type FrameVerdict, isSupportedLinkType } from './frame.ts';
import {
  GLOBAL_HEADER,
  isGlobalHeader,
  LONGEST_RECORD,
  type PcapFormat,
  RECORD_HEADER,
  type RecordHeader,
  readGlobalHeader,
  readRecordHeader,
  USUAL_RECORD,
} from './pcap-header.ts';
import { StreamBuffer } from './stream-buffer.ts';

/** What SerialPcap prints before the global header, at each boot. */
const MARKER = Buffer.from('<<START>>', 'latin1');
const LF = 0x0a;
const CR = 0x0d;
/** The next record of a stream joined in its middle is at most so much earlier or later, in seconds. */
const EARLIER_S = 5;
const LATER_S = 86_400;
/** A record whose last octets are all text may have swallowed the boot text of a sniffer that restarted. */
const TEXT_TAIL = 6;

type Answer = 'no' | 'wait' | 'yes';

/**
 * Decodes pcap from a serial line (SerialPcap and its kin, with boot text between) and from capture files.
 *
 * In step with the stream, a record is passed on as soon as it is whole; one that may have swallowed boot text waits until
 * the next header proves its length. The format has no sign of where a record begins, so each record stays in the buffer
 * until its follower is plausible, and where it is not the search begins right behind the last header that was. In search
 * of the stream, a global header counts, or a record that is a whole probe request, or any record of a valid frame that a
 * plausible header follows.
 *
 * Record times (since the sniffer's boot, or since 1970 in a file) go through SourceTime, anew at each global header.
 */
export class PcapDecoder implements Decoder {
  readonly #counts: DecoderCounts = createCounts();
  readonly #time = new SourceTime();
  readonly #frames = new FrameReader();
  /** Room for the last record, a pending one and the bytes of a push. */
  readonly #buffer = new StreamBuffer(65_536 + RECORD_HEADER + LONGEST_RECORD, MARKER);
  readonly #header: RecordHeader = { seconds: 0, fraction: 0, captured: 0, original: 0 };
  readonly #next: RecordHeader = { seconds: 0, fraction: 0, captured: 0, original: 0 };
  #format: PcapFormat;

  /** Whether the next byte is known to begin a header. */
  #inStep = false;
  /** The position of the first byte not yet decided on. Positions count from the beginning of the stream. */
  #at = 0;
  /** Out of step: whether the run of skipped bytes has been counted. */
  #runCounted = false;
  /** Out of step: from where skipped bytes are noise; those before belong to a record that counts already. */
  #noiseFrom = 0;
  /** In step: the last record's body, where its follower has still to prove its length; else -1. */
  #unproven = -1;
  /** The arrival of a last record that must not be passed on before its length is proven; else NaN. */
  #heldArrival = Number.NaN;

  constructor(options: DecoderOptions = {}) {
    this.#format = {
      littleEndian: true,
      fractions: 1e6,
      linkType: options.linkType ?? ANY_LINK_TYPE,
      longest: USUAL_RECORD,
    };
  }

  get counts(): Readonly<DecoderCounts> {
    return this.#counts;
  }

  push(bytes: Uint8Array, arrival: number, sink: ReadingSink): void {
    this.#counts.bytes += bytes.length;
    for (let taken = 0; taken < bytes.length; ) {
      taken += this.#buffer.append(bytes, taken);
      while (this.#inStep ? this.#takeRecord(arrival, sink) : this.#search()) {
        // Each turn decides on some bytes.
      }
      this.#buffer.dropBefore(this.#unproven >= 0 ? this.#unproven - RECORD_HEADER : this.#at);
    }
  }

  /** In step: decides on the header at the current position and on its record. False where more bytes are needed. */
  #takeRecord(arrival: number, sink: ReadingSink): boolean {
    const { bytes } = this.#buffer;
    const available = this.#buffer.end - this.#at;
    if (available < RECORD_HEADER) {
      return false;
    }
    const offset = this.#at - this.#buffer.start;
    if (isGlobalHeader(bytes, offset)) {
      this.#settle(sink);
      return available >= GLOBAL_HEADER && this.#takeGlobalHeader(offset);
    }
    const header = this.#header;
    if (!readRecordHeader(bytes, offset, this.#format, this.#format.longest, header)) {
      this.#loseStep();
      return true;
    }
    if (this.#unproven >= 0) {
      this.#settle(sink);
      readRecordHeader(bytes, offset, this.#format, this.#format.longest, header);
    }
    const body = this.#at + RECORD_HEADER;
    const end = body + header.captured;
    const restart = this.#restartWithin(body, end);
    if (restart === 'wait') {
      return false;
    }
    if (restart !== 'no') {
      this.#counts.rejected.truncated++;
      this.#outOfStep(restart, restart, true);
      return true;
    }
    if (this.#buffer.end < end) {
      return false;
    }
    this.#at = end;
    const verdict = this.#read(body, end);
    this.#unproven = body;
    const whole = header.original <= header.captured;
    const textByNature = verdict === 'probe' && this.#frames.endsWithSsid;
    if (whole && !textByNature && endsWithText(bytes, end - this.#buffer.start)) {
      this.#heldArrival = arrival;
      return true;
    }
    this.#pass(verdict, arrival, sink);
    return true;
  }

  /** The last record's follower is plausible: passes it on where it was held back, and lets go of it. */
  #settle(sink: ReadingSink): void {
    if (!Number.isNaN(this.#heldArrival)) {
      const header = this.#unproven - RECORD_HEADER - this.#buffer.start;
      readRecordHeader(this.#buffer.bytes, header, this.#format, this.#format.longest, this.#header);
      this.#pass(this.#read(this.#unproven, this.#at), this.#heldArrival, sink);
      this.#heldArrival = Number.NaN;
    }
    this.#unproven = -1;
  }

  #loseStep(): void {
    const held = !Number.isNaN(this.#heldArrival);
    if (held) {
      this.#counts.rejected.truncated++;
      this.#heldArrival = Number.NaN;
    }
    // The header that seemed right may itself have been made of the bytes of two.
    this.#outOfStep(this.#unproven >= 0 ? this.#unproven - RECORD_HEADER + 1 : this.#at, this.#at, held);
  }

  #outOfStep(from: number, noiseFrom: number, counted: boolean): void {
    this.#inStep = false;
    this.#at = from;
    this.#noiseFrom = noiseFrom;
    this.#runCounted = counted;
    this.#unproven = -1;
  }

  #read(body: number, end: number): FrameVerdict | 'skip' {
    const { linkType } = this.#format;
    if (linkType !== ANY_LINK_TYPE && !isSupportedLinkType(linkType)) {
      return 'skip';
    }
    const { bytes, start } = this.#buffer;
    const cut = Math.max(0, this.#header.original - this.#header.captured);
    return this.#frames.read(bytes, body - start, end - start, linkType, cut);
  }

  #pass(verdict: FrameVerdict | 'skip', arrival: number, sink: ReadingSink): void {
    if (verdict === 'skip') {
      return;
    }
    const { seconds, fraction } = this.#header;
    const time = this.#time.map(seconds * 1_000 + (fraction * 1_000) / this.#format.fractions, arrival);
    if (verdict === 'probe') {
      this.#counts.accepted++;
      this.#frames.reading.time = time;
      sink.sighting(this.#frames.reading);
    } else if (verdict === 'other') {
      this.#counts.accepted++;
    } else {
      this.#counts.rejected[verdict satisfies Rejection]++;
    }
  }

  #takeGlobalHeader(offset: number): boolean {
    this.#format = readGlobalHeader(this.#buffer.bytes, offset);
    this.#time.restart();
    if (!isSupportedLinkType(this.#format.linkType)) {
      this.#counts.rejected.unsupported++;
    }
    this.#at += GLOBAL_HEADER;
    this.#inStep = true;
    return true;
  }

  /** Out of step: skips bytes up to a header. False where more bytes are needed to decide on the current position. */
  #search(): boolean {
    const { bytes, start, end } = this.#buffer;
    // With the longest header in sight, what a position holds never depends on where a push ended.
    for (; this.#at + GLOBAL_HEADER <= end; this.#at++) {
      const offset = this.#at - start;
      if (isGlobalHeader(bytes, offset)) {
        return this.#takeGlobalHeader(offset);
      }
      if (bytes[offset] === MARKER[0] && isMarker(bytes, offset)) {
        this.#at += MARKER.length - 1;
        continue;
      }
      const answer = this.#recordAt(offset);
      if (answer === 'wait') {
        return false;
      }
      if (answer === 'yes') {
        if (this.#at < this.#noiseFrom) {
          this.#countRun(); // The record before had swallowed it, with bytes that belong to neither.
        }
        this.#inStep = true;
        return true;
      }
      if (this.#at >= this.#noiseFrom && bytes[offset] !== LF && bytes[offset] !== CR) {
        this.#countRun();
      }
    }
    return false;
  }

  /** Counts the run of skipped bytes, once. */
  #countRun(): void {
    if (!this.#runCounted) {
      this.#runCounted = true;
      this.#counts.rejected.noise++;
    }
  }

  /** Whether a record begins here, judged with no help from what went before. */
  #recordAt(offset: number): Answer {
    const { bytes, start, end } = this.#buffer;
    const format = this.#format;
    // The upper half of a length of at most 4,096 is zero: this alone turns away nearly every position.
    const upper = format.littleEndian ? bytes[offset + 10] | bytes[offset + 11] : bytes[offset + 8] | bytes[offset + 9];
    if (upper !== 0 || !readRecordHeader(bytes, offset, format, USUAL_RECORD, this.#header)) {
      return 'no';
    }
    const body = start + offset + RECORD_HEADER;
    const follower = body + this.#header.captured;
    if (follower > end) {
      return 'wait';
    }
    const verdict = this.#read(body, follower);
    if (verdict === 'probe' && this.#frames.exact) {
      return 'yes';
    }
    if (verdict !== 'probe' && verdict !== 'other' && verdict !== 'skip') {
      return 'no';
    }
    if (follower + RECORD_HEADER > end) {
      return 'wait';
    }
    const next = this.#next;
    const plausible =
      isGlobalHeader(bytes, follower - start) ||
      (readRecordHeader(bytes, follower - start, format, USUAL_RECORD, next) &&
        next.seconds >= this.#header.seconds - EARLIER_S &&
        next.seconds <= this.#header.seconds + LATER_S);
    return plausible ? 'yes' : 'no';
  }

  /** The position of a restart marker and global header that begin inside a record, which is then torn. */
  #restartWithin(body: number, end: number): number | 'no' | 'wait' {
    for (let at = this.#buffer.markFrom(body); at >= 0 && at + MARKER.length <= end; ) {
      let header = at + MARKER.length;
      // CR LF and the eight octets that make out a global header.
      if (header + 10 > this.#buffer.end) {
        return 'wait';
      }
      const { bytes, start } = this.#buffer;
      header += bytes[header - start] === CR ? 1 : 0;
      header += bytes[header - start] === LF ? 1 : 0;
      if (isGlobalHeader(bytes, header - start)) {
        return at;
      }
      at = this.#buffer.markFrom(at + 1);
    }
    return 'no';
  }
}

function isMarker(bytes: Uint8Array, offset: number): boolean {
  for (let i = 0; i < MARKER.length; i++) {
    if (bytes[offset + i] !== MARKER[i]) {
      return false;
    }
  }
  return true;
}

function endsWithText(bytes: Uint8Array, end: number): boolean {
  for (let i = end - TEXT_TAIL; i < end; i++) {
    const byte = bytes[i];
    if (byte > 0x7e || (byte < 0x20 && byte !== LF && byte !== CR)) {
      return false;
    }
  }
  return true;
}

/** Wi-Fi sniffers that send pcap over a serial line, and capture files. */
export const wifiPcap: Driver = {
  name: 'wifi-pcap',
  kind: 'wifi',
  defaultBaud: 921_600,
  createDecoder: (options) => new PcapDecoder(options),
};
