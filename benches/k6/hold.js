import { WebSocket } from 'k6/experimental/websockets';

// Sockets that say nothing, so many a VU.
export default function () {
  for (let i = 0; i < Number(__ENV.EACH); i++) {
    const socket = new WebSocket(__ENV.TARGET);
    socket.onmessage = () => {};
  }
}
