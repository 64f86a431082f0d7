//! Functions that a driver has and these GPUs do not support. Monitoring programs ask for them, and must be told so
//! rather than not find them.
use std::ffi::c_int;

use crate::Answer;

macro_rules! not_supported {
    ($($function:ident)+) => {
        $(
            /// Takes what nvml.h says and looks at none of it, which C's calling convention allows.
            #[unsafe(no_mangle)]
            pub extern "C" fn $function() -> c_int {
                Answer::NotSupported as c_int
            }
        )+
    };
}

not_supported! {
    nvmlDeviceGetBAR1MemoryInfo
    nvmlDeviceGetComputeMode
    nvmlDeviceGetComputeInstanceId
    nvmlDeviceGetCudaComputeCapability
    nvmlDeviceGetDecoderUtilization
    nvmlDeviceGetDisplayActive
    nvmlDeviceGetDisplayMode
    nvmlDeviceGetDriverModel
    nvmlDeviceGetDriverModel_v2
    nvmlDeviceGetEncoderUtilization
    nvmlDeviceGetFieldValues
    nvmlDeviceGetGpuInstanceId
    nvmlDeviceGetMaxMigDeviceCount
    nvmlDeviceGetMigDeviceHandleByIndex
    nvmlDeviceGetDeviceHandleFromMigDeviceHandle
    nvmlDeviceGetMigMode
    nvmlDeviceGetNvLinkState
    nvmlDeviceGetPcieThroughput
    nvmlDeviceGetPerformanceState
    nvmlDeviceGetPersistenceMode
    nvmlDeviceGetPowerManagementDefaultLimit
    nvmlDeviceGetRunningProcessDetailList
    nvmlDeviceGetSerial
    nvmlDeviceGetTemperatureThreshold
    nvmlDeviceIsMigDeviceHandle
}
