//! Choosing a compute device by name at run time.

use burn::tensor::Device;

/// A device that cannot be had under the given name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The name is not one of [`device_names`].
    #[error("there is no device {name:?}; devices are {}", device_names().join(", "))]
    Unknown {
        /// The name given.
        name: String,
    },
    /// The program was built without the feature of that name.
    #[error("device {name:?} is not in this program; build it with `--features {name}`")]
    NotCompiledIn {
        /// The device's name, which is also the feature's.
        name: String,
    },
}

/// The names that [`device_from_name`] understands, each also the cargo feature that compiles it in.
pub fn device_names() -> [&'static str; 6] {
    ["flex", "ndarray", "wgpu", "vulkan", "cuda", "tch"]
}

/// The default device of the backend `name`, without autodiff.
///
/// `tch` is libtorch on the CPU.
///
/// # Errors
/// If there is no such device, or it was not compiled in: the message names the feature.
pub fn device_from_name(name: &str) -> Result<Device, DeviceError> {
    match name {
        #[cfg(feature = "flex")]
        "flex" => Ok(Device::flex()),
        #[cfg(feature = "ndarray")]
        #[allow(deprecated, reason = "offered until Burn drops it")]
        "ndarray" => Ok(Device::ndarray()),
        #[cfg(feature = "wgpu")]
        "wgpu" => Ok(Device::wgpu(burn::tensor::DeviceKind::DefaultDevice)),
        #[cfg(feature = "vulkan")]
        "vulkan" => Ok(Device::vulkan(burn::tensor::DeviceKind::DefaultDevice)),
        #[cfg(feature = "cuda")]
        "cuda" => Ok(Device::cuda(0)),
        #[cfg(feature = "tch")]
        #[allow(deprecated, reason = "offered until Burn drops it")]
        "tch" => Ok(Device::libtorch()),
        name if device_names().contains(&name) => Err(DeviceError::NotCompiledIn { name: name.into() }),
        name => Err(DeviceError::Unknown { name: name.into() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_names_are_listed_and_absent_ones_name_the_feature() {
        let error = device_from_name("abacus").map(|_| ()).map_err(|error| error.to_string());
        let listed = "there is no device \"abacus\"; devices are flex, ndarray, wgpu, vulkan, cuda, tch";
        assert_eq!(error, Err(listed.to_string()));
        if cfg!(not(feature = "cuda")) {
            let error = device_from_name("cuda").map(|_| ()).map_err(|error| error.to_string());
            let feature = "device \"cuda\" is not in this program; build it with `--features cuda`";
            assert_eq!(error, Err(feature.to_string()));
        }
    }
}
