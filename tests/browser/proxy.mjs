// A reverse proxy that puts the site into a folder, and can be cut off like a network.
import { createServer, request } from 'node:http';
import { ensure, ROOT, Tab } from './browser.mjs';

/** Starts a proxy; gives a signed-in tab behind it, and what cuts and mends it. */
export async function behindProxy(session, folder) {
  const target = new URL(ROOT);
  let broken = false;
  const proxy = createServer((incoming, outgoing) => {
    if (broken || !incoming.url.startsWith(folder)) return outgoing.destroy();
    const path = `/${incoming.url.slice(folder.length)}`;
    const onward = request({ host: target.hostname, port: target.port, method: incoming.method, path, headers: incoming.headers }, (answer) => {
      outgoing.writeHead(answer.statusCode, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy());
    outgoing.on('close', () => onward.destroy());
    incoming.pipe(onward);
  });
  await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const site = `http://127.0.0.1:${proxy.address().port}${folder}`;
  const context = await session.browser.newContext({ viewport: { width: 1440, height: 900 } });
  const answer = await context.request.post(`${site}session`, { data: { token: process.env.TOKEN } });
  ensure(answer.ok(), `signing in through the proxy: ${answer.status()}`);
  return {
    site,
    tab: new Tab(await context.newPage()),
    cut: () => {
      broken = true;
      proxy.closeAllConnections();
    },
    mend: () => { broken = false; },
    close: async () => {
      await context.close();
      proxy.closeAllConnections();
      proxy.close();
    },
  };
}
