// What the programs beside this one share: their setting, steps with a name, and a look at refusals.
import { readFileSync } from 'node:fs';

export const setting = JSON.parse(readFileSync(0, 'utf8'));

// fn() returns a text: the step cannot be tried, and that is why.
export async function step(name, fn) {
        try {
                const why = await fn();
                console.log(why === undefined ? `ok ${name}` : `skip ${name}: ${why}`);
        } catch (e) {
                const why = `${e?.message ?? e} ${e?.cause?.message ?? ''} ${e?.stack?.split('\n')[1] ?? ''}`;
                console.log(`not ok ${name}: ${why.replace(/\s+/g, ' ').slice(0, 900)}`);
        }
}

export function same(got, wanted, what) {
        if (JSON.stringify(got) !== JSON.stringify(wanted))
                throw new Error(`${what} is ${JSON.stringify(got)}, not ${JSON.stringify(wanted)}`);
}

// The error that fn() ends with; an error when it does not.
export async function refused(fn) {
        let got;
        try {
                got = await fn();
        } catch (e) {
                return e;
        }
        throw new Error(`was accepted: ${JSON.stringify(got)}`);
}
