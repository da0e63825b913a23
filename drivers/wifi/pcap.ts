import type { Rejection } from '../../agent/readings.ts';
import { createCounts } from '../counts.ts';
import type { Decoder, DecoderCounts, DecoderOptions, Driver, ReadingSink } from '../driver.ts';
import { SourceTime } from '../source-time.ts';
import { ANY_LINK_TYPE, FrameReader, type FrameVerdict, isSupportedLinkType, LinkType } from './frame.ts';
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
import {
  BURST,
  BURST_END,
  endsWithText,
  followsMarker,
  GLOBAL_MARK,
  holds,
  isConsoleText,
  isLineEnd,
  restartAtEnd,
  START,
} from './pcap-markers.ts';
import { StreamBuffer } from './stream-buffer.ts';

/** The next record of a stream joined in its middle is at most so much earlier or later, in seconds. */
const EARLIER_S = 5;
const LATER_S = 86_400;
/** Records in a row that are no frame, after which a stream of bare frames is searched anew. */
const MOST_FORMLESS = 3;
type Answer = 'no' | 'wait' | 'yes';

/**
 * Decodes pcap from a serial line (SerialPcap, ESP32 Marauder and their kin, with boot and console text between), from
 * tcpdump's output and from capture files.
 *
 * In step with the stream, a record is passed on as soon as it is whole. The format has no sign of where a record begins,
 * and a sniffer that is reset leaves one torn, its rest replaced by boot text or by the next global header. The FCS of a
 * probe request, where it is right, proves that the record is whole; any other that ends with text or holds a global
 * header waits for the next header to prove its length, and so does a probe request without an FCS where the source's have
 * one: the word of the FCS is in the capture header, which may be the torn one. Until its follower is plausible a record
 * without such proof stays in the buffer, and where the follower is not, the search begins right behind the last header
 * that was. In search of the stream, a global header counts, or the begin of a burst, or a record that is a whole probe
 * request, or any record of a valid frame that a plausible header follows.
 *
 * Record times (since the sniffer's boot, or since 1970 in a file and from tcpdump) go through SourceTime, anew at each
 * global header and when the line is opened.
 */
export class PcapDecoder implements Decoder {
  readonly #counts: DecoderCounts = createCounts();
  readonly #time = new SourceTime();
  readonly #frames = new FrameReader();
  /** Room for the last record, a pending one and the bytes of a push. */
  readonly #buffer = new StreamBuffer(65_536 + RECORD_HEADER + LONGEST_RECORD, GLOBAL_MARK);
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
  /** Out of step: a burst has ended, and console text is no noise. */
  #console = false;
  /** In step: the last record's body, where its follower has still to prove its length; else -1. */
  #unproven = -1;
  /** In step: records in a row that are no frame. */
  #formless = 0;
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

  /** The format of the stream is kept, and what its frames carry; whether the sniffer kept its clock is not known. */
  reopened(): void {
    if (this.#holdsFrame()) {
      this.#counts.rejected.truncated++;
    }
    const { end } = this.#buffer;
    this.#heldArrival = Number.NaN;
    this.#outOfStep(end, end, false);
    this.#buffer.dropBefore(end);
    this.#time.restart();
  }

  /** Whether bytes are held that count as nothing yet. */
  #holdsFrame(): boolean {
    const { bytes, start, end } = this.#buffer;
    if (this.#inStep) {
      return this.#at < end || !Number.isNaN(this.#heldArrival);
    }
    const from = Math.max(this.#at, this.#noiseFrom) - start;
    return !this.#runCounted && bytes.subarray(from, end - start).some((byte) => !this.#isQuiet(byte));
  }

  /** In step: decides on the header at the current position and on its record. False where more bytes are needed. */
  #takeRecord(arrival: number, sink: ReadingSink): boolean {
    const { bytes } = this.#buffer;
    const available = this.#buffer.end - this.#at;
    const offset = this.#at - this.#buffer.start;
    if (available >= BURST_END.length && bytes[offset] === BURST_END[0] && holds(bytes, offset, BURST_END)) {
      this.#settle(sink);
      const end = this.#at + BURST_END.length;
      this.#outOfStep(end, end, false);
      this.#console = true;
      return true;
    }
    if (available < RECORD_HEADER) {
      return false;
    }
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
    const restart = this.#buffer.markFrom(body);
    const marked = restart >= 0 && restart + GLOBAL_MARK.length <= end;
    // A length that no probe request has would be waited for in vain.
    if (marked && header.captured > USUAL_RECORD) {
      return this.#tear(restart);
    }
    if (this.#buffer.end < end) {
      return false;
    }
    const verdict = this.#read(body, end);
    const whole = verdict === 'probe' && this.#frames.verified;
    if (marked && !whole) {
      const answer = this.#restartAt(restart, end);
      if (answer === 'wait') {
        return false;
      }
      if (answer === 'yes') {
        return this.#tear(restart);
      }
    }
    const octets = whole ? -1 : restartAtEnd(bytes, end - this.#buffer.start);
    if (octets >= 0) {
      return this.#tear(end - octets);
    }
    this.#formless = verdict === 'format' && !this.#hasCaptureHeader ? this.#formless + 1 : 0;
    if (this.#formless === MOST_FORMLESS) {
      // Four octets into a record without capture header, every length fits: the stream would never be found again.
      this.#counts.rejected.format++;
      this.#outOfStep(this.#at + 1, end, true);
      return true;
    }
    this.#at = end;
    this.#unproven = whole ? -1 : body;
    const lacksFcs = verdict === 'probe' && this.#frames.lacksFcs;
    if (!whole && (lacksFcs || (!marked && this.#mayEndWithBootText(verdict, end)))) {
      this.#heldArrival = arrival;
      return true;
    }
    this.#pass(verdict, arrival, sink);
    return true;
  }

  #mayEndWithBootText(verdict: FrameVerdict | 'skip', end: number): boolean {
    const { captured, original } = this.#header;
    const textByNature = verdict === 'probe' && this.#frames.endsWithSsid;
    return original <= captured && !textByNature && endsWithText(this.#buffer.bytes, end - this.#buffer.start);
  }

  /**
   * Whether the global header in the record that ends at `end` is that of a restart. A frame may spell one to lead the
   * decoder astray; that does not change what follows the record, and can at most cost the frame itself.
   */
  #restartAt(restart: number, end: number): Answer {
    const { bytes, start } = this.#buffer;
    if (this.#buffer.end < Math.max(end + RECORD_HEADER, restart + GLOBAL_HEADER)) {
      return 'wait';
    }
    const expected = followsMarker(bytes, restart - start) || restart + GLOBAL_HEADER === end;
    const sameFormat = readGlobalHeader(bytes, restart - start).linkType === this.#format.linkType;
    return (expected && sameFormat) || !this.#plausibleAfter(end - start, this.#format.longest) ? 'yes' : 'no';
  }

  /** The record was cut by a restart, whose global header begins at `restart`. */
  #tear(restart: number): boolean {
    this.#counts.rejected.truncated++;
    this.#outOfStep(restart, restart, true);
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
    this.#formless = 0;
    this.#at = from;
    this.#noiseFrom = noiseFrom;
    this.#runCounted = counted;
    this.#console = false;
    this.#unproven = -1;
  }

  get #hasCaptureHeader(): boolean {
    return this.#format.linkType === LinkType.radiotap || this.#format.linkType === LinkType.ppi;
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
    this.#frames.learn();
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
    this.#frames.restart();
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
      if (bytes[offset] === START[0] && holds(bytes, offset, START)) {
        this.#at += START.length - 1;
        continue;
      }
      if (bytes[offset] === BURST[0] && holds(bytes, offset, BURST)) {
        this.#at += BURST.length;
        this.#inStep = true;
        return true;
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
      if (this.#at >= this.#noiseFrom && !this.#isQuiet(bytes[offset])) {
        this.#countRun();
      }
    }
    return false;
  }

  /** Out of step: whether a byte may stand between records. */
  #isQuiet(byte: number): boolean {
    return this.#console ? isConsoleText(byte) : isLineEnd(byte);
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
    if (verdict === 'probe' && (this.#frames.exact || this.#frames.verified)) {
      return 'yes';
    }
    if (verdict !== 'probe' && verdict !== 'other' && verdict !== 'skip') {
      return 'no';
    }
    if (follower + RECORD_HEADER > end) {
      return 'wait';
    }
    return this.#plausibleAfter(follower - start, USUAL_RECORD) ? 'yes' : 'no';
  }

  /** Whether a header that can follow the record in `#header` begins here; looks at sixteen octets. */
  #plausibleAfter(offset: number, longest: number): boolean {
    const { bytes } = this.#buffer;
    if (isGlobalHeader(bytes, offset) || holds(bytes, offset, BURST_END)) {
      return true;
    }
    const next = this.#next;
    return (
      readRecordHeader(bytes, offset, this.#format, longest, next) &&
      next.seconds >= this.#header.seconds - EARLIER_S &&
      next.seconds <= this.#header.seconds + LATER_S
    );
  }
}

/** Wi-Fi sniffers that send pcap over a serial line, and capture files. */
export const wifiPcap: Driver = {
  name: 'wifi-pcap',
  kind: 'wifi',
  defaultBaud: 921_600,
  createDecoder: (options) => new PcapDecoder(options),
};
