"""Uses the OSS emulator through oss2 with each version of its signature; prints what it saw as JSON."""

import json
import sys

import oss2

endpoint, bucket_name, file, store = sys.argv[1:]
seen = []
for auth in (oss2.Auth("a", "b"), oss2.AuthV2("a", "b"), oss2.AuthV4("a", "b")):
    bucket = oss2.Bucket(auth, endpoint, bucket_name, region="cn-beijing")
    for key in ("dir/ä 中.txt", "top.txt"):
        bucket.put_object(key, b"hello")
    pages = [entry.key for entry in oss2.ObjectIterator(bucket, delimiter="/", max_keys=1)]
    options = {"multipart_threshold": 200 * 1024, "part_size": 150 * 1024, "num_threads": 2}
    oss2.resumable_upload(bucket, "large", file, store=oss2.ResumableStore(root=store), **options)
    upload = bucket.init_multipart_upload("parts").upload_id
    for number in (1, 2, 3):
        bucket.upload_part("parts", upload, number, b"x" * 102_400)
    parts = [part.part_number for part in oss2.PartIterator(bucket, "parts", upload, max_parts=2)]
    uploads = [one.key for one in oss2.MultipartUploadIterator(bucket)]
    bucket.abort_multipart_upload("parts", upload)
    info = bucket.get_bucket_info()
    seen.append(
        {
            "pages": pages,
            "got": bucket.get_object("top.txt").read().decode(),
            "size": bucket.head_object("large").content_length,
            "parts": parts,
            "uploads": uploads,
            "buckets": [one.name for one in oss2.BucketIterator(oss2.Service(auth, endpoint, region="cn-beijing"))],
            "info": [info.name, info.acl.grant],
        }
    )
    bucket.batch_delete_objects(["dir/ä 中.txt", "top.txt", "large"])
sys.stdout.write(json.dumps(seen))
