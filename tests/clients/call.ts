// Calls every kind of route through types made from /openapi.json.
import createClient from "openapi-fetch";
import type { paths } from "./api";

declare const process: { argv: string[] };

const client = createClient<paths>({ baseUrl: process.argv[2] ?? "", headers: { "x-api-key": "any" } });
const shown: (string | number | boolean | undefined)[] = [];
const found = await client.POST("/search", { body: { query: "dust filter", top_k: 1 } });
shown.push(found.data?.hits?.[0]?.document.key, found.data?.hits?.[0]?.highlights[0]?.length);
const link = await client.GET("/search", { params: { query: { q: "dust", filter: '{"eq": {"format": "pdf"}}' } } });
shown.push(link.data?.hits?.[0]?.document.key);
const embedded = await client.POST("/embed", { body: { texts: ["a"] } });
shown.push(embedded.data?.dimension);
const vectors = await client.POST("/v1/embeddings", { body: { model: "text-embedding-v4", input: "a" } });
shown.push(vectors.data?.data.length);
const records = await client.POST("/retrieval", { body: { knowledge_id: "all", query: "dust filter" } });
shown.push(records.data?.records[0]?.title);
const documents = await client.GET("/documents", { params: { query: { limit: 1 } } });
const id = documents.data?.documents[0]?.id ?? "";
const chunks = await client.GET("/documents/{document_id}/chunks", { params: { path: { document_id: id } } });
shown.push(chunks.data?.document_id === id);
const refused = await client.POST("/search", { body: { query: "" } });
shown.push(refused.error?.error.code);
console.log(shown.join(" | "));
