/** A service manager's notify socket: reads what a service says with sd_notify(3). */
import { rmSync } from 'node:fs';
import { Child, findProgram, until } from './processes.ts';

export const PERL = findProgram('perl');
export const SYSTEMD_NOTIFY = findProgram('systemd-notify');

/**
 * One message a line, its assignments apart by tabs. Node has no datagram sockets; socat keeps the descriptor of BARRIER=1
 * open, for the closing of which systemd-notify waits, and recv closes it.
 */
const RECEIVER = `
use Socket;
$| = 1;
socket(my $socket, PF_UNIX, SOCK_DGRAM, 0) or die $!;
bind($socket, sockaddr_un($ARGV[0])) or die $!;
print "listening\\n";
while (defined recv($socket, my $message, 65536, 0)) { $message =~ s/\\n/\\t/g; print "$message\\n"; }
`;

export class NotifySocket {
  readonly path: string;
  readonly #receiver: Child;

  private constructor(path: string, receiver: Child) {
    this.path = path;
    this.#receiver = receiver;
  }

  static async open(path: string): Promise<NotifySocket> {
    rmSync(path, { force: true });
    const receiver = new Child('notify socket', PERL ?? 'perl', ['-e', RECEIVER, path], { keep: 1_000_000 });
    await until('the notify socket', () => receiver.output.startsWith('listening'));
    return new NotifySocket(path, receiver);
  }

  /** All assignments so far, such as `READY=1`, in the order of their arrival. */
  said(): string[] {
    const messages = this.#receiver.output.split('\n').slice(1, -1);
    return messages.flatMap((message) => message.split('\t')).filter((word) => word !== '' && word !== 'BARRIER=1');
  }

  count(assignment: string): number {
    return this.said().filter((word) => word === assignment).length;
  }

  async close(): Promise<void> {
    await this.#receiver.end();
    rmSync(this.path, { force: true });
  }
}
