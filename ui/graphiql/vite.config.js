import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { defineConfig } from "vite";

// Packed here, once, for whoever takes gzip: the files are large and never change under their names.
const packed = {
  name: "packed",
  writeBundle({ dir }) {
    const folder = join(dir, "assets");
    for (const name of readdirSync(folder)) {
      writeFileSync(join(folder, `${name}.gz`), gzipSync(readFileSync(join(folder, name)), { level: 9 }));
    }
  },
};

// `base`: where api/graphiql.py serves these files; the page itself is at /graphql.
export default defineConfig({
  base: "/graphiql/",
  build: { target: "es2022", assetsInlineLimit: 0, chunkSizeWarningLimit: 4000 },
  plugins: [packed],
});
