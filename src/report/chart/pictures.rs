//! The charts of a paper as pictures, for the formats that cannot draw.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use resvg::usvg::fontdb;

use super::{ChartError, Style, png, svg};
use crate::report::document::Chart;

/// How fine pictures are: device pixels for one of a chart's own. 220 to the inch at the width of a page's text, as many as
/// Word itself keeps of a picture.
pub const SCALE: f32 = 2.0;

/// Where the picture of one chart comes to stand.
type Place = Arc<Mutex<Option<Arc<[u8]>>>>;

/// The pictures of one paper: each chart is drawn once, however many of its formats show it and at whatever time.
#[derive(Debug)]
pub struct Pictures {
    fonts: Arc<fontdb::Database>,
    style: Style,
    /// By the chart's SVG. Who comes while another draws waits for the picture.
    drawn: Mutex<HashMap<String, Place>>,
}

impl Pictures {
    /// None is drawn yet; `fonts` has the faces for their letters.
    pub fn new(fonts: Arc<fontdb::Database>, style: Style) -> Pictures {
        Pictures { fonts, style, drawn: Mutex::default() }
    }

    /// The picture of a chart, as PNG.
    ///
    /// # Errors
    /// As [`svg`] and [`png()`].
    pub fn of(&self, chart: &Chart) -> Result<Arc<[u8]>, ChartError> {
        let svg = svg(chart, &self.style)?;
        let place = {
            let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(drawn.entry(svg.clone()).or_default())
        };
        let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(picture) = &*place {
            return Ok(Arc::clone(picture));
        }
        let picture: Arc<[u8]> = png(&svg, &self.fonts, SCALE)?.into();
        *place = Some(Arc::clone(&picture));
        Ok(picture)
    }
}
