// Uses the OSS emulator with the defaults of ali-oss; prints what it saw as JSON.
import OSS from "ali-oss";

const [endpoint, bucket, file, sld] = process.argv.slice(2);
const options = { endpoint, bucket, accessKeyId: "a", accessKeySecret: "b", region: "oss-cn-beijing" };
const client = new OSS(sld ? { ...options, sldEnable: true } : options);
await client.put("dir/ä 中.txt", Buffer.from("hello"));
await client.put("top.txt", Buffer.from("hello"));
const pages = [];
let marker = null;
do {
  const page = await client.list({ delimiter: "/", "max-keys": 1, ...(marker ? { marker } : {}) });
  pages.push(...(page.prefixes ?? []), ...(page.objects ?? []).map((one) => one.name));
  marker = page.isTruncated ? page.nextMarker : null;
} while (marker);
const second = (await client.listV2({ prefix: "dir/" })).objects.map((one) => one.name);
const got = (await client.get("dir/ä 中.txt")).content.toString();
const upload = (await client.initMultipartUpload("parts")).uploadId;
await client.uploadPart("parts", upload, 1, file, 0, 102400);
const parts = (await client.listParts("parts", upload)).parts;
await client.abortMultipartUpload("parts", upload);
await client.multipartUpload("large", file, { partSize: 150 * 1024, parallel: 2 });
const size = (await client.head("large")).res.headers["content-length"];
const buckets = (await client.listBuckets()).buckets.map((one) => one.name);
await client.deleteMulti(["dir/ä 中.txt", "top.txt", "large"]);
const left = (await client.list({})).objects ?? [];
console.log(JSON.stringify({ pages, second, got, parts: [parts].flat().length, size, buckets, left: left.length }));
