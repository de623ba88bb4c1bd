import vad from '@ericedouard/vad-node-realtime';
import { listeners } from './listening.mjs';

export default (fixtures) => listeners(vad, fixtures);
