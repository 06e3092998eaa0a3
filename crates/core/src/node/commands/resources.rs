//! Commands about resources: write one.
//!
//! A write that is asked for again under its idempotency key is the first one; another under that key is refused.

use super::{CommandError, Ctx, Outcome, Project, Result, conflict, key_in_use};
use crate::blob::MAX_BLOB_BYTES;
use crate::body::*;
use crate::crypto::Hash;

impl Project {
    pub(super) fn write_resource(
        &mut self,
        ctx: &mut Ctx<'_>,
        path: String,
        content: Vec<u8>,
        mime: String,
        base: Option<Hash>,
        idempotency_key: Option<String>,
    ) -> Result {
        if path.is_empty() || path.len() > 1024 || mime.len() > MAX_NAME_BYTES {
            return Err(CommandError::Invalid(
                "a resource's path has 1 to 1,024 bytes, its MIME type at most 128".into(),
            ));
        }
        if content.len() > MAX_BLOB_BYTES {
            let len = content.len();
            return Err(CommandError::Invalid(format!(
                "the content has {len} bytes, the limit is {MAX_BLOB_BYTES}"
            )));
        }
        let known = self.state.resources.get(&path);
        if let (Some(resource), Some(key)) = (known, &idempotency_key)
            && let Some(before) = resource.by_idempotency_key(&self.me.node, key)
        {
            let at = before.meta.reference;
            let same = self.named_before(ctx, &at, &before.body.content, &content)
                && (&before.body.mime, before.body.base) == (&mime, base);
            return same.then_some(Outcome::Event(at)).ok_or_else(|| key_in_use(key, &at));
        }
        let home = known.and_then(|r| r.home()).unwrap_or(self.me.node);
        let latest = known.and_then(|r| r.versions().last().map(|v| v.write.meta));
        if let Some(base) = base
            && latest.map_or(Hash::ZERO, |m| m.hash()) != base
        {
            let now = latest.map_or("nothing".to_owned(), |m| m.hash().to_string());
            return Err(conflict(format!(
                "the resource has changed: its latest write is {now}; read it and write again"
            )));
        }
        let (blob, content) = self.new_blob(ctx, content);
        let body = Body::ResourceWritten(ResourceWritten {
            path,
            home,
            base,
            content,
            mime,
            idempotency_key,
        });
        let deps = latest.map(|m| m.reference).into_iter().collect();
        Ok(Outcome::Event(self.append_asked(ctx, body, deps, vec![blob])?))
    }
}
