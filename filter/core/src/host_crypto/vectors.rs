//! Signatures whose verdict is known.
//!
//! They are Wycheproof's (`rsa_signature_2048_sha*_test`, `ecdsa_secp*_p1363_test`), all over the
//! same message.

use crate::{
    algorithm::Algorithm,
    base64url,
    key::{Key, Material},
};

/// What was signed.
pub(super) const MESSAGE: &[u8] = b"123400";

/// A good signature and its key.
pub(super) struct Known {
    pub(super) key: Key,
    pub(super) signature: Vec<u8>,
}

/// The signature of an algorithm that hosts know.
pub(super) fn known(algorithm: Algorithm) -> Option<Known> {
    let vector = VECTORS.iter().find(|vector| vector.algorithm == algorithm)?;
    let bytes = |text: &str| base64url::decode(text.as_bytes());
    let material = match vector.key {
        VectorKey::Rsa(modulus) => Material::rsa(&bytes(modulus)?, &[1, 0, 1]),
        VectorKey::Ec(curve, point) => Material::ec(curve, &bytes(point)?),
    };
    let key = Key::new(None, Some(algorithm), material.ok()?).ok()?;
    Some(Known { key, signature: bytes(vector.signature)? })
}

struct Vector {
    algorithm: Algorithm,
    key: VectorKey,
    /// In the form of a token.
    signature: &'static str,
}

enum VectorKey {
    /// The modulus; the exponent is 65537.
    Rsa(&'static str),
    /// The curve and the point.
    Ec(&'static str, &'static str),
}

/// Numbers, points and signatures in base64url.
const VECTORS: [Vector; 6] = [
    Vector {
        algorithm: Algorithm::Rs256,
        key: VectorKey::Rsa(concat!(
            "orRRoH0KpfluRVZxUTVQUUqKW0YuvvcXCU-h_ugiJOY3-XRtP3yv0xh42AMltu9aFwD2WQO0aUKe",
            "idbqyIRQl7WrOTGJ25JRLtincRoSU_rNIPecFegkfz0-QuRuSMmOJUov6XZTE6A-_48X4aApOXof",
            "omqNzib0kO2BKZYV2YFMItphBCjgnH2WWFlCZvXAIdD87KCNlFoSvoLeTR7Oa0wDFFtdNJXU7VQR",
            "64eNrwX9evw-Ca2g8RJkIvWQl1oZaYFvSGmLy7obTZyuedRg2Pn4Xnl1AF2bwixOWsD3waRdElaa",
            "YoB9O5oC5aUw53MGb0U9H1tMLpz3ggKD90K51Q",
        )),
        signature: concat!(
            "F1jrlFiOb8T1DBvhr8qkECeGnzBMrVE7H7EsL0RtY83AXEgwp-PmMNp7LaT3hnzBc79kIPlzIncoJZbe",
            "Qd7TLiHQzDFEEXTah2X1dBnHdk6nWPVbwXZG6xAMQ10awO7W_Hum3l-DIJTuL0eZeXZeBayZdniNs8JB",
            "qeMqDahk8AGah2RrpiPWP0QRr13uG-nsSIx-PhsjFHnecLmsX3ihex9BIK7ORfJsB-e7NF_f6wXhS8qs",
            "xhRnKkZfxSNiTLGfZvnGw_ZCuDLKRMslF21nnw4FYGw_7QIsrCTCv5YKQG1IgY4-t-1TsERgMkaQR9_t",
            "lfwYCIyS2R2TcixH-IFjqA",
        ),
    },
    Vector {
        algorithm: Algorithm::Rs384,
        key: VectorKey::Rsa(concat!(
            "zab6XKdr_gSS7Ffgo7__cnLcjR4lrR-zOKoFDwLBBOYxM9a1t8SYXruumsA2pbnAMHTWCuyOJbrz",
            "kqDEMP8FuI6UiAXT3XRRHYiFJQp7V0IVraAVxVkHZobiU8zJbAgVsSke54fMM2O0932TDrmY18WC",
            "skzqnOId6XInkZiYY6J-vICgDeW9L5Iod15aTOsFTVjJvjagVDNpcaE2Qt2VEN1paqJo2zqrIpnV",
            "2I-OViQ00UJwlNPfjnLR72m07TTRK6w3UiOyolzyJ_c1-BboXhcjkwR2mmCCFUzRWJn8Hq77abdI",
            "o-XtJNODcll94-TionuVHWrH2xgtaAnY_1Ebfw",
        )),
        signature: concat!(
            "aCJys27hpsfU1z8PPxU9joTi-krIElgf3aIUp7Rdb_e3s9sMidqWzi5lH8_iVZZ2GYJ5kom5_S1pzxIu",
            "CEBMnbC99vgkCxVF52MCpaQBrVZSLgphWBV9wflEX4yvwWGyVCPTVnHZ73FMXTP3_BVUJKsqw04MyTvy",
            "zjhXIdrNxiUcfjpWGL3_yO8_J4R3CDqW3oMwO50obmTYKX7wlIuZZhbTQDa97lU4ygwG-gjHLwNzn7xX",
            "iBS0AmcfXWJdyQUNYbOJ0fCjIBGsDbtTucKYDTFbwW4iciBqGpVe6HDfcl54p8bp95P1Qor5LGcN-OO7",
            "DVZ2mXFLBP7eOZ9J_hnQ5w",
        ),
    },
    Vector {
        algorithm: Algorithm::Rs512,
        key: VectorKey::Rsa(concat!(
            "wsSoYCNtPJCWoHbWulEH4Pe9geG6kW9zdXJL0rCwtjlWgTcVo0V6sEWLcfs1pFsn-e96w-V53qRd",
            "-_0HgZ7WtwIapTNsWEQqrdlsqe6dMkc-nZJ4VitNECWK3mqY-xx8_cOzcW713sWM9zs1nziVmbS1",
            "hlqYY1GesAHDJDh9p1VFDbNBMJNg44B8BWW44sRPvV5ujQTQBtfudouOhDYIKpD6DoN_MvRgh6tK",
            "DZviiqfaF5TOsBcqf1DtIPbfZB77y_0qrIl3XHYacxAJPGccl3-hiw1uAfsl96QytCxlNZeExokg",
            "VxnBz246Zdri2kNMMm3egbtv__vb9t5cFrunSQ",
        )),
        signature: concat!(
            "mSL3vQHXumst4lW5EgljGvkuVTekVUs7elDjny_ptghafkGAhCE9RFeU68Gb5DeC2fgN8dqnSYocZ9k1",
            "7ADaxrehlAM6FEMTIKzR1_PUwre1sWSd2TkxxJ9TjJTjT0T9y42snTFTn4fmcg3Ih8ZgUoSmoECOJEMl",
            "41kXseHM31lZyocJGCfIFXvaoxI54hA8qKESzHao5-kPNS-4yzozgeUs7fTUGIv4gQVLgDh2BecEGrFJ",
            "zM6hrCu2VgtFAAYBwz68Mc691JnAuP2vp8FpHW3MSO3JhRnVXRJqdXsqdT7aTyvzXLGR-s43HJw0sqtX",
            "JCBTuezdyR5LYh5lBDKtyA",
        ),
    },
    Vector {
        algorithm: Algorithm::Es256,
        key: VectorKey::Ec(
            "P-256",
            concat!(
                "BCknsQUSuuPt3P5GeCgSi60pAyaZGfcIYGnIxN9scyg4x3h5ZOqsAOWSH7FJimD0YGdms9loUAFV",
                "jRqXTnNBUT4",
            ),
        ),
        signature: concat!(
            "K6OovmuU1eyAptnRGQpDbv_lDYWh7uhZuMxq-b1cLhhM1guFXUQvWzx7EetsTgrnUl_nEPq5qnx3pn95",
            "5vrddg",
        ),
    },
    Vector {
        algorithm: Algorithm::Es384,
        key: VectorKey::Ec(
            "P-384",
            concat!(
                "BC2lfdoQiSdqVD-f_awL_w2XbK1x63KA59m_2f7kvbLyD0f_iIJ0OJdy2YzFdSE4qkttBU1p3PPi",
                "XsSd-HBxXjSIOxg2GX12-K2WLnj2Vxu8dAew1gkfnk2I8BQnRAYXTw",
            ),
        ),
        signature: concat!(
            "ErMKvva1R2_mthKuVXwEJWYeJrRLG_4Z2vLKKOMRMIO6jkrkzEWgMgq9M5TxxUjXGEDan8HS-PiQDPSF",
            "1UE7jCV07jqNTKA5lcowJA4JUTgFv2IJtYrHqpz_VO7Ngrnx",
        ),
    },
    Vector {
        algorithm: Algorithm::Es512,
        key: VectorKey::Ec(
            "P-521",
            concat!(
                "BABcZFfsCI1TL0ggk5Za5TzNB-VW7Vnir5Rc2MepXBxkT4pWqKijzXc5Ld2GHoqSTayZxpBpCTvV",
                "KlL6bFYASgdFCAB4eNbULktN0enAaWyz4Z9jAzw9tOYNRzJZs-vgearwqYbuYXf4IXp4xouBP34U",
                "mk5W_ZViwH_tPYlZQtfRAcuD9g",
            ),
        ),
        signature: concat!(
            "AE5CI-5D6MuJ3jsTOf_CeeWC-Cx6sPcbveQ9vjdKx1_77yms345wdQuaBPZv2kg1Hee7_VFXILDsXNc2",
            "-bc734ZFAddKL22Vvo1Mtk8C0W1reFoSRrTr0gbcWWgYu5UyUyRfWieiShquHiGP3M2M19SZC2ZtS_SQ",
            "K4T9rRI_lB_pBtlI",
        ),
    },
];
