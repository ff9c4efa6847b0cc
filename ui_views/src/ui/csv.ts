/** Comma-separated values (RFC 4180): quoted fields, doubled quotes, line ends inside of quotes. */
export function parseCsv(text: string, most: number): { header: string[]; rows: string[][]; total: number } {
  const records: string[][] = [];
  let total = -1;
  let record: string[] = [];
  let field = "";
  let quoted = false;
  const endRecord = (): void => {
    record.push(field);
    field = "";
    if (record.length > 1 || record[0] !== "") {
      total += 1;
      if (records.length <= most) records.push(record);
    }
    record = [];
  };
  for (let at = 0; at < text.length; at += 1) {
    const sign = text.charAt(at);
    if (quoted) {
      if (sign !== '"') field += sign;
      else if (text.charAt(at + 1) === '"') {
        field += '"';
        at += 1;
      } else quoted = false;
    } else if (sign === '"' && field === "") quoted = true;
    else if (sign === ",") {
      record.push(field);
      field = "";
    } else if (sign === "\n") endRecord();
    else if (sign !== "\r") field += sign;
  }
  endRecord();
  const [header = [], ...rows] = records;
  return { header, rows, total: Math.max(0, total) };
}
