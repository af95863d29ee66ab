import { describe, expect, it } from "vitest";
import * as format from "../src/state/format";

function table<I, O>(name: string, act: (input: I) => O, rows: [I, O][]) {
  describe(name, () => {
    for (const [input, expected] of rows) it(JSON.stringify(input), () => expect(act(input)).toEqual(expected));
  });
}

table("short", format.short, [[0, "0"], [999, "999"], [99_999, "99,999"], [123_456, "123.5K"], [12_345_678, "12.3M"]]);
table("ratio", ([a, b]: [number, number]) => format.ratio(a, b), [[[1, 0], "–"], [[5, 2], "2.50"], [[101, 10], "10.1"]]);
table("share", ([a, b]: [number, number]) => format.share(a, b), [[[1, 0], "–"], [[0, 5], "0%"], [[1, 3], "33%"], [[1, 30], "3.3%"], [[1, 100_000], "<0.1%"], [[5, 5], "100%"]]);
table("change", ([now, before]: [number, number | null]) => format.change(now, before), [
  [[5, null], null], [[5, 0], null], [[0, 0], { text: "0%", direction: 0 }], [[15, 10], { text: "50%", direction: 1 }], [[5, 10], { text: "50%", direction: -1 }],
  [[1000, 1], { text: ">999%", direction: 1 }], [[Number.NaN, 4], null], [[4, Number.NaN], null],
]);
table("bytes", format.bytes, [[0, "0 B"], [1023, "1023 B"], [1024, "1.0 KiB"], [10_485_760, "10.0 MiB"], [2 ** 50, "1024 TiB"]]);
table("duration", format.duration, [[-5, "0 ms"], [12, "12 ms"], [1500, "2 s"], [600_000, "10 min"], [7_200_000, "2 h"], [604_800_000, "7 d"]]);
const noon = new Date(2026, 5, 15, 12).getTime();
table("moment", (ms: number) => format.moment(ms, noon), [[noon - 3_600_000, "11:00:00"], [noon - 86_400_000, "Jun 14"]]);
table("country", format.country, [["DE", "Germany"], ["ZZZ", "ZZZ"], ["<b>", "<b>"], ["", ""]]);
table("language", format.language, [["de-DE", "German (Germany)"], ["x", "x"], ["../..", "../.."]]);
