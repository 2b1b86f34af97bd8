// The suite for snowflake-sdk (Node). One JSON line per case.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const { createRequire } = require('module');

const snowflake = createRequire(path.join(process.env.CONFORMANCE_NODE_MODULES, 'x.js'))('snowflake-sdk');
snowflake.configure({ logLevel: 'OFF', additionalLogToConsole: false });

const table = process.env.CONFORMANCE_TABLE || 'conformance';
const cases = JSON.parse(fs.readFileSync(path.join(__dirname, '..', 'cases.json'), 'utf8'));
for (const name of Object.keys(cases)) cases[name] = cases[name].replaceAll('{table}', table);

const connection = snowflake.createConnection({
  account: process.env.CONFORMANCE_ACCOUNT || 'testorg-testacct',
  username: process.env.CONFORMANCE_USER,
  password: process.env.CONFORMANCE_PASSWORD,
  database: 'DEMO',
  schema: 'PUBLIC',
});

const cell = (value) => {
  if (value === null || value === undefined) return null;
  if (Buffer.isBuffer(value)) return `bytes:${value.toString('hex')}`;
  if (value instanceof Date) return `date:${value.toJSON()}`;
  if (typeof value === 'object') return `object:${JSON.stringify(value)}`;
  return `${typeof value}:${value}`;
};
const flat = (rows) => (rows || []).map((row) => Object.entries(row).map(([key, value]) => [key, cell(value)]));
const digest = (rows) => [
  rows.length, rows[0], rows[rows.length - 1],
  crypto.createHash('sha256').update(JSON.stringify(rows)).digest('hex'),
];
const types = (statement) =>
  (statement.getColumns() || []).map((c) => [c.getName(), c.getType(), c.isNullable(), c.getScale(), c.getPrecision()]);

const execute = (options) => new Promise((resolve, reject) => {
  connection.execute({
    ...options,
    complete: (error, statement, rows) => (error ? reject(error) : resolve({ statement, rows })),
  });
});
const query = async (name, options = {}) => {
  const { statement, rows } = await execute({ sqlText: cases[name], ...options });
  return { rows: flat(rows), types: types(statement), count: statement.getNumUpdatedRows() };
};

const suite = {
  connect: () => new Promise((resolve, reject) => connection.connect((error) => (error ? reject(error) : resolve({})))),
  ...Object.fromEntries(['scalars', 'nulls', 'unicode', 'seed', 'empty', 'context', 'show', 'protected'].map((n) => [n, () => query(n)])),
  large: async () => {
    const found = await query('large');
    return { ...found, rows: digest(found.rows) };
  },
  dml: async () => {
    const counts = [];
    for (const name of ['create', 'insert', 'update', 'delete']) counts.push([name, (await query(name)).count]);
    return { counts, ...(await query('read_back')) };
  },
  missing_table: () => query('missing_table'),
  syntax_error: () => query('syntax_error'),
  binds: () => query('binds', { binds: [7, 'text ☕', 1.5] }),
  array_bind: async () => {
    const { count } = await query('array_bind', { binds: [[100, 'x'], [101, 'y'], [102, 'z']] });
    return { inserted: count, ...(await query('read_back')) };
  },
  multi_statement: () => new Promise((resolve, reject) => {
    const results = [];
    connection.execute({
      sqlText: cases.multi_statement,
      parameters: { MULTI_STATEMENT_COUNT: 2 },
      complete: (error, statement, rows) => {
        if (error) return reject(error);
        results.push(flat(rows));
        return statement.hasNext() ? statement.NextResult() : resolve({ rows: results });
      },
    });
  }),
  async_fetch: async () => {
    const { statement } = await execute({ sqlText: cases.async, asyncExec: true });
    const found = await connection.getResultsFromQueryId({ queryId: statement.getQueryId() });
    const rows = await new Promise((resolve, reject) => {
      const all = [];
      found.streamRows().on('data', (r) => all.push(r)).on('end', () => resolve(all)).on('error', reject);
    });
    return { rows: flat(rows) };
  },
  cancel: () => new Promise((resolve, reject) => {
    const statement = connection.execute({
      sqlText: cases.wait_long,
      complete: (error) => (error ? reject(error) : resolve({})),
    });
    setTimeout(() => statement.cancel((error) => error && reject(error)), 2000);
  }),
  long_running: () => query('long_running'),
  describe: async () => {
    const { statement } = await execute({ sqlText: cases.describe, describeOnly: true });
    return { types: types(statement) };
  },
  session_parameters: async () => ({ rows: [(await query('set_parameter')).rows, (await query('unset_parameter')).rows] }),
  transaction: async () => {
    const rows = [];
    for (const end of ['rollback', 'commit']) {
      for (const name of ['begin', 'insert_one', end]) await query(name);
      rows.push([end, (await query('count')).rows]);
    }
    return { rows };
  },
  close: async () => {
    await new Promise((resolve, reject) => connection.destroy((error) => (error ? reject(error) : resolve())));
    return query('one');
  },
};

(async () => {
  const only = process.env.CONFORMANCE_ONLY;
  for (const [name, run] of Object.entries(suite)) {
    if (only && name !== 'connect' && name !== only) continue;
    let line;
    try {
      line = { case: name, ok: true, ...(await run()) };
    } catch (error) {
      const { code, sqlState, message } = error;
      line = { case: name, ok: false, error: { type: error.name, code, sqlstate: sqlState ?? null, message } };
    }
    fs.writeSync(1, `${JSON.stringify(line)}\n`);
  }
  process.exit(0);
})();
