// PyPI and NuGet as `tensorlane setup` asks them, on loopback: packages of a few bytes, and a connection that breaks where a test wants.

import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { ZipFile } from 'yazl';

export async function zipOf(files: Readonly<Record<string, string>>): Promise<Buffer> {
  const zip = new ZipFile();
  for (const [path, text] of Object.entries(files)) zip.addBuffer(Buffer.from(text), path);
  zip.end();
  return buffer(zip.outputStream);
}

export interface RegistryOptions {
  /** As older mirrors answer. */
  readonly html?: boolean;
  /** After so many bytes the connection breaks, once for each file, as soon as they have arrived. */
  readonly breakAfter?: { readonly bytes: number; arrived(): boolean };
  /** The checksums that it tells are of other files. */
  readonly wrongChecksums?: boolean;
}

export class Registry {
  /** What was asked for, with the range where there was one. */
  readonly asked: string[] = [];
  readonly #files = new Map<string, Buffer>();
  readonly #broken = new Set<string>();
  readonly #server = createServer((request, response) => this.#answer(request, response));
  #options: RegistryOptions = {};

  async listen(options: RegistryOptions = {}): Promise<void> {
    this.#options = options;
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  add(name: string, content: Buffer): void {
    this.#files.set(name, content);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** What makes the command ask here. */
  get args(): string[] {
    return ['--pypi', `${this.url}/simple/`, '--nuget', `${this.url}/nuget`];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url!;
    const { range } = request.headers;
    this.asked.push(range === undefined ? path : `${path} ${range}`);
    const simple = /^\/simple\/([^/]+)\/$/.exec(path)?.[1];
    const leaf = /^\/nuget\/registration5-gz-semver2\/([^/]+)\/([^/]+)\.json$/.exec(path);
    const entry = /^\/entry\/(.+)$/.exec(path)?.[1];
    if (simple !== undefined) this.#simple(simple.replaceAll('-', '_'), response);
    else if (leaf !== null) this.#json(response, { catalogEntry: `${this.url}/entry/${leaf[1]}.${leaf[2]}.nupkg` });
    else if (entry !== undefined && this.#files.has(entry)) this.#json(response, this.#entryOf(entry));
    else this.#file(path.split('/').at(-1)!, range, response);
  }

  #hash(name: string, algorithm: string, encoding: 'hex' | 'base64'): string {
    const content = this.#options.wrongChecksums ? 'something else' : this.#files.get(name)!;
    return createHash(algorithm).update(content).digest(encoding);
  }

  #simple(start: string, response: ServerResponse): void {
    const names = [...this.#files.keys()].filter((name) => name.startsWith(`${start}-`));
    if (names.length === 0) response.writeHead(404).end();
    else if (this.#options.html) {
      const links = names.map(
        (name) => `<a href="../../files/${name}#sha256=${this.#hash(name, 'sha256', 'hex')}">${name}</a>`,
      );
      response.writeHead(200, { 'content-type': 'text/html' }).end(`<!DOCTYPE html>${links.join('\n')}`);
    } else {
      const files = names.map((filename) => ({
        filename,
        url: `../../files/${filename}`,
        hashes: { sha256: this.#hash(filename, 'sha256', 'hex') },
        size: this.#files.get(filename)!.length,
        yanked: filename.includes('99.9'),
      }));
      this.#json(response, { files }, 'application/vnd.pypi.simple.v1+json');
    }
  }

  #entryOf(name: string): object {
    const packageHash = this.#hash(name, 'sha512', 'base64');
    return { packageHash, packageHashAlgorithm: 'SHA512', packageSize: this.#files.get(name)!.length };
  }

  #json(response: ServerResponse, value: unknown, type = 'application/json'): void {
    response.writeHead(200, { 'content-type': type }).end(JSON.stringify(value));
  }

  #file(name: string, range: string | undefined, response: ServerResponse): void {
    const content = this.#files.get(name);
    if (content === undefined) {
      response.writeHead(404).end();
      return;
    }
    const from = Number(/^bytes=(\d+)-$/.exec(range ?? 'bytes=0-')![1]);
    const rest = content.subarray(from);
    response.writeHead(from > 0 ? 206 : 200, { 'content-length': rest.length });
    const { breakAfter } = this.#options;
    if (breakAfter === undefined || this.#broken.has(name)) {
      response.end(rest);
      return;
    }
    this.#broken.add(name);
    response.write(rest.subarray(0, breakAfter.bytes));
    const waiting = setInterval(() => {
      if (!breakAfter.arrived()) return;
      clearInterval(waiting);
      response.destroy();
    }, 10);
  }
}
