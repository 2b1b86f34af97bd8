//! As whom the store knows us.

use std::sync::Arc;

use async_trait::async_trait;
use object_store::CredentialProvider;
use object_store::aws::AwsCredential;

use crate::credential::Source;

/// Gives the access key, fresh enough: its secret may come from a command.
#[derive(Debug)]
pub(super) struct Keys {
    pub(super) id: String,
    pub(super) secret: Arc<Source>,
}

#[async_trait]
impl CredentialProvider for Keys {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let secret = self.secret.secret().await;
        let secret = secret.map_err(|source| object_store::Error::Generic {
            store: "S3",
            source: Box::new(source),
        })?;
        Ok(Arc::new(AwsCredential {
            key_id: self.id.clone(),
            secret_key: secret.reveal().to_owned(),
            token: None,
        }))
    }
}
